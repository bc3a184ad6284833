using System.Text;
using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Ingest;

/// <summary>
/// Charge records in CSV (RFC 4180, one record a line): columns named as the members of an OCPI record, in any order,
/// of which <c>id</c>, <c>start_date_time</c>, <c>end_date_time</c>, <c>currency</c>, <c>total_energy</c> (kWh),
/// <c>total_cost_excl_vat</c> and <c>evse_id</c> or <c>evse_uid</c> are needed. <c>country_code</c>, <c>party_id</c>,
/// <c>connector_id</c>, <c>total_cost_incl_vat</c> and <c>credit_reference_id</c> are read, others passed over. A row
/// that is refused stops no other, and each is sealed under whom it names. The last row ends with a line end, or with
/// the quote that closes its last field, so that a cut file is seen.
/// </summary>
internal static class ChargeRecordRows
{
    private static readonly string[] needed =
        ["id", "start_date_time", "end_date_time", "currency", "total_energy", "total_cost_excl_vat"];

    /// <summary>Columns that name somebody, whatever else a table has.</summary>
    private static readonly HashSet<string> naming = new(StringComparer.OrdinalIgnoreCase)
    {
        "uid", "token_uid", "contract_id", "auth_id", "ema_id", "id_tag", "rfid", "vin", "license_plate", "driver",
        "driver_id", "customer", "customer_id", "vehicle_id",
    };

    public static bool IsHeader(string line) => Cells(line) is { } names && needed.All(names.Contains);

    /// <summary>Whom each row names: by its columns, else by the number of its record.</summary>
    public static IEnumerable<(int From, int Length, IReadOnlyList<string> Subjects)> Named(ReadOnlyMemory<byte> file)
    {
        List<string>? names = null;
        var from = 0;
        foreach (var (_, line) in TextLines.Of(file))
        {
            var cells = Cells(Encoding.UTF8.GetString(IntakeText.WithoutByteOrderMark(line).Span));
            if (names is null) names = cells ?? [];
            else if (line.Length > 0) yield return (from, line.Length, SubjectsOf(names, cells));
            var next = file.Span[from..].IndexOf((byte)'\n');
            from = next < 0 ? file.Length : from + next + 1;
        }
    }

    public static async Task TakeAsync(IntakeRun run, Submission file)
    {
        var rows = 0;
        foreach (var (number, raw, row, isWhole) in Rows(file))
        {
            rows++;
            if (!isWhole)
            {
                // Only the whole file shows that it may be cut, so it is the evidence.
                await run.RefuseAsync($"{file.Source} line {number}", Refusal.Of(Rejection.Truncated, MaybeCut), file)
                    .ConfigureAwait(false);
                continue;
            }
            try
            {
                await run.RecordAsync($"{file.Source} line {number}", Read(row), raw, file).ConfigureAwait(false);
            }
            catch (InputRefusedException refused)
            {
                await run.RefuseAsync($"{file.Source} line {number}", Refusal.Of(refused.Code, refused.Detail), raw)
                    .ConfigureAwait(false);
            }
        }
        if (rows == 0)
            await run.RefuseAsync(file.Source, Refusal.Of(Rejection.EmptyInput, "no row after the header"), file)
                .ConfigureAwait(false);
    }

    /// <summary>The records of a table; a row that breaks a rule is thrown with its line.</summary>
    public static IEnumerable<ChargeRecordInput> Read(ReadOnlyMemory<byte> file) =>
        Rows(new Submission(IntakeText.WithoutByteOrderMark(file), "file")).Select(row => row.IsWhole ? Read(row.Cells)
            : throw new InputRefusedException(Rejection.Truncated, $"line {row.Number}", "", MaybeCut));

    /// <summary>The rows that break no rule, as they were taken when the table came.</summary>
    public static IEnumerable<ChargeRecordInput> ReadAgain(ReadOnlyMemory<byte> file) =>
        Rows(new Submission(file, "file")).Where(row => row.IsWhole).Select(row => Readable(row.Cells))
            .OfType<ChargeRecordInput>();

    private static ChargeRecordInput? Readable(Dictionary<string, string>? cells)
    {
        try
        {
            return Read(cells);
        }
        catch (InputRefusedException)
        {
            return null; // it was refused when it came
        }
    }

    /// <summary>A number that is cut is a number too, and a name a name.</summary>
    private const string MaybeCut = "the last row must end with a line end: without one nobody sees whether it was cut";

    /// <summary>The rows, numbered by their lines, and whether their ends are there; a row of another number of fields
    /// than the header has no cells.</summary>
    private static IEnumerable<(int Number, Submission Raw, Dictionary<string, string>? Cells, bool IsWhole)> Rows(
        Submission file)
    {
        List<string>? names = null;
        var lines = TextLines.Of(IntakeText.WithoutByteOrderMark(file.Bytes));
        var cutAt = file.Bytes.Span is [.., (byte)'\n' or (byte)'\r' or (byte)'"'] ? 0 : lines.Count();
        foreach (var (number, line) in lines)
        {
            var cells = Cells(Encoding.UTF8.GetString(line.Span));
            if (names is null)
            {
                names = cells ?? [];
                continue;
            }
            if (line.Length == 0) continue;
            var raw = new Submission(line, $"{file.Source} line {number}")
            {
                Personal = [new(0, line.Length, SubjectsOf(names, cells))],
            };
            yield return (number, raw, cells?.Count == names.Count
                ? names.Zip(cells).GroupBy(cell => cell.First, cell => cell.Second, StringComparer.Ordinal)
                    .ToDictionary(cell => cell.Key, cell => cell.First(), StringComparer.Ordinal) : null,
                number != cutAt);
        }
    }

    private static List<string> SubjectsOf(List<string> names, List<string>? cells)
    {
        if (cells is null || cells.Count != names.Count) return [PersonalData.Unreadable];
        var subjects = names.Zip(cells).Where(cell => naming.Contains(cell.First) && cell.Second.Trim().Length > 0)
            .Select(cell => cell.Second.Trim()).Distinct().ToList();
        return subjects.Count > 0 ? subjects : [PersonalData.Session(cells[names.IndexOf("id")])];
    }

    private static ChargeRecordInput Read(Dictionary<string, string>? cells)
    {
        if (cells is null)
            throw new InputRefusedException(Rejection.WrongCount, "row", "", "must have as many fields as the header");
        string? Cell(string name) => cells.GetValueOrDefault(name) is { Length: > 0 } text ? text : null;
        // One reading of records: a row is the JSON that it stands for.
        var json = new System.Text.Json.Nodes.JsonObject
        {
            ["total_cost"] = new System.Text.Json.Nodes.JsonObject
            {
                ["excl_vat"] = Cell("total_cost_excl_vat"),
                ["incl_vat"] = Cell("total_cost_incl_vat"),
            },
            ["cdr_location"] = new System.Text.Json.Nodes.JsonObject
            {
                ["evse_id"] = Cell("evse_id"),
                ["evse_uid"] = Cell("evse_uid"),
                ["connector_id"] = Cell("connector_id"),
            },
            ["credit"] = Cell("credit_reference_id") is not null,
        };
        foreach (var name in (string[])[.. needed[..5], "country_code", "party_id", "credit_reference_id"])
            json[name] = Cell(name);
        using var document = InputValue.Parse(Encoding.UTF8.GetBytes(json.ToJsonString()));
        return ChargeRecordText.Read(new InputValue("input", document.RootElement));
    }

    /// <summary>The fields of a line; null where its quotes do not close.</summary>
    private static List<string>? Cells(string line)
    {
        var (cells, cell, quoted) = (new List<string>(), new StringBuilder(), false);
        for (var i = 0; i < line.Length; i++)
            if (quoted)
                if (line[i] != '"') cell.Append(line[i]);
                else if (i + 1 < line.Length && line[i + 1] == '"') cell.Append(line[++i]);
                else quoted = false;
            else if (line[i] == '"' && cell.Length == 0) quoted = true;
            else if (line[i] != ',') cell.Append(line[i]);
            else
            {
                cells.Add(cell.ToString());
                cell.Clear();
            }
        cells.Add(cell.ToString());
        return quoted ? null : cells;
    }
}
