using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Ingest;

/// <summary>One field of a row that breaks a rule.</summary>
public sealed record FieldFault(string Field, string Value, Rejection Code, string Rule);

/// <summary>
/// Master data in CSV: the header says which kind of fact every row of the file is.
/// A row is the fact's JSON object with its members in the columns' order, so both are read by the same rules;
/// an empty cell is a member left out. A row that is refused stops no other, and all its faults are named.
/// </summary>
public static class MasterDataRows
{
    /// <summary>A column: the member that its cells are, and a cell that breaks no rule.</summary>
    public sealed record Column(string Name, string Member, string Example)
    {
        /// <summary>Whether its cells are true or false.</summary>
        public bool IsFlag => Example == "true";
    }

    /// <summary>A kind of file: the fact's type, and the columns, which are its header.</summary>
    public sealed record Sheet(string Type, IReadOnlyList<Column> Columns)
    {
        public string Header => string.Join(',', Columns.Select(column => column.Name));

        /// <summary>A file of one row that is accepted.</summary>
        public string Example => $"{Header}\n{string.Join(',', Columns.Select(column => column.Example))}\n";
    }

    private static readonly Column Point = new("point", "point", "C-1"),
        MeterSerial = new("meter_serial", "meterSerial", "M-1"),
        ValidFrom = new("valid_from", "validFrom", "2026-01-01T00:00:00Z");

    public static readonly IReadOnlyList<Sheet> Sheets =
    [
        new("settlement-point",
        [
            Point, new("station", "station", "S-1"), new("kind", "kind", "connector"),
            new("owner", "owner", "operator"), new("zone", "zone", "Asia/Shanghai"),
            new("period_minutes", "periodMinutes", "15"), new("rated_kw", "ratedKw", "1000"),
            new("bidirectional", "bidirectional", "true"), ValidFrom,
        ]),
        new("settlement-point",
        [
            Point, new("station", "station", "S-1"), new("kind", "kind", "connector"),
            new("owner", "owner", "operator"), new("zone", "zone", "Asia/Shanghai"),
            new("period_minutes", "periodMinutes", "15"), new("rated_kw", "ratedKw", "1000"),
            new("bidirectional", "bidirectional", "true"), new("grid_operator", "gridOperator", "city-grid"), ValidFrom,
        ]),
        new("register",
        [
            MeterSerial, Point, new("direction", "direction", "import"), new("digits", "digits", "9"),
            new("decimals", "decimals", "3"), new("factor", "factor", "1"), new("modulus_kwh", "modulusKwh", ""),
            ValidFrom,
        ]),
        new("meter-class", [MeterSerial, new("accuracy_class", "accuracyClass", "0.5S"), ValidFrom]),
        new("meter-key", [MeterSerial, new("public_key", "publicKey", "3059"), ValidFrom]),
        new("point-place", [Point, new("parent", "parent", "G-1"), ValidFrom]),
        new("loss-factor",
            [Point, new("loss_factor", "lossFactor", "0.02"), new("fixed_kw", "fixedKw", "0.1"), ValidFrom]),
        new("tariff-assignment",
            [new("account", "account", "operator"), new("tariff", "tariff", "T-1"), ValidFrom]),
        new("tariff-assignment",
            [
                new("account", "account", "operator"), new("tariff", "tariff", "T-1"),
                new("seller", "seller", "city-power"), ValidFrom,
            ]),
    ];

    public static bool IsHeader(string line) => SheetOf(line) is not null;

    private static Sheet? SheetOf(string header) => Sheets.FirstOrDefault(sheet => sheet.Header == header);

    internal static async Task TakeAsync(IntakeRun run, Submission file)
    {
        var lines = TextLines.Of(IntakeText.WithoutByteOrderMark(file.Bytes));
        var sheet = SheetOf(Encoding.UTF8.GetString(lines.First().Bytes.Span))!;
        var rows = 0;
        foreach (var (number, bytes) in lines.Skip(1))
        {
            if (bytes.Length == 0) continue;
            rows++;
            var what = $"{file.Source} line {number}";
            var raw = new Submission(bytes, what);
            var faults = Faults(sheet, Encoding.UTF8.GetString(bytes.Span), out var fact);
            if (faults.Count == 0) await run.SendAsync(what, (FactInput.Complete)fact!, raw).ConfigureAwait(false);
            else await run.RefuseAsync(what, RefusalOf(faults), raw, faults: faults).ConfigureAwait(false);
        }
        if (rows == 0)
            await run.RefuseAsync(
                file.Source, Refusal.Of(Rejection.EmptyInput, "no row after the header"), file).ConfigureAwait(false);
    }

    /// <summary>The first rule by precedence, and all faults in one sentence.</summary>
    private static Refusal RefusalOf(IReadOnlyList<FieldFault> faults) => Refusal.Of(faults.Min(fault => fault.Code),
        string.Join("; ", faults.Select(fault => $"{fault.Field} {IntakeText.Quote(fault.Value)}: {fault.Rule}")));

    /// <summary>
    /// All faults of a row, or the fact that it is. The reader of facts stops at its first fault;
    /// so each refused cell is replaced by its column's example and the row read again, until nothing else is refused.
    /// </summary>
    private static List<FieldFault> Faults(Sheet sheet, string line, out FactInput? fact)
    {
        fact = null;
        var cells = line.Split(',');
        if (cells.Length != sheet.Columns.Count)
            return [new("row", line, Rejection.WrongCount,
                $"must have {sheet.Columns.Count} fields: {sheet.Header}{CellForm.Unless(line)}")];
        var faults = new FieldFault?[sheet.Columns.Count];
        var replaced = (string[])cells.Clone();
        while (true)
        {
            try
            {
                fact = Read(sheet, replaced);
                break;
            }
            catch (InputRefusedException refused)
            {
                var at = sheet.Columns.TakeWhile(column => column.Member != refused.Field).Count();
                if (at == sheet.Columns.Count)
                    throw new InvalidOperationException($"no column is {refused.Field}", refused);
                // What only an example breaks follows from a fault that is named already.
                if (faults[at] is not null) break;
                faults[at] = new(sheet.Columns[at].Name, cells[at], refused.Code,
                    refused.Rule + CellForm.Unless(cells[at]));
                replaced[at] = sheet.Columns[at].Example;
            }
        }
        return [.. faults.OfType<FieldFault>()];
    }

    private static FactInput Read(Sheet sheet, string[] cells)
    {
        var members = new JsonObject();
        foreach (var (column, cell) in sheet.Columns.Zip(cells))
            if (cell.Length > 0)
                members[column.Member] = column.IsFlag && cell is ("true" or "false") ? cell == "true" : (JsonNode)cell;
        using var document = InputValue.Parse(JsonSerializer.SerializeToUtf8Bytes(members));
        return FactText.Read(new InputValue("input", document.RootElement), sheet.Type);
    }
}
