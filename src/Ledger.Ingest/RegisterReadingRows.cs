using System.Text;
using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Ingest;

/// <summary>
/// Register readings in CSV: header <c>point,register,read_at,kwh</c>, optionally with <c>quality</c>; registers as
/// 1.8.0 (import) or 2.8.0 (export), times as ISO 8601 with an offset, indices as decimal numerals in kWh. A row that
/// is refused stops no other. The last row ends with a line end, so that a cut file is seen.
/// </summary>
internal static class RegisterReadingRows
{
    private const string Header = "point,register,read_at,kwh", HeaderWithQuality = Header + ",quality";

    public static bool IsHeader(string line) => line.StartsWith("point,register,", StringComparison.Ordinal);

    /// <param name="received">The same as it came in, packed maybe: the evidence of its readings.</param>
    public static async Task TakeAsync(IntakeRun run, Submission received, Submission file)
    {
        var lines = TextLines.Of(IntakeText.WithoutByteOrderMark(file.Bytes));
        var header = Encoding.UTF8.GetString(lines.First().Bytes.Span);
        if (header is not (Header or HeaderWithQuality))
        {
            await run.RefuseAsync(file.Source, Refusal.Of(Rejection.UnknownField,
                $"header {IntakeText.Quote(header)} is not {Header} or {HeaderWithQuality}"
                + CellForm.Unless(header)), received).ConfigureAwait(false);
            return;
        }
        var rows = 0;
        var cutAt = file.Bytes.Span is [.., (byte)'\n'] ? 0 : lines.Count();
        foreach (var (number, bytes) in lines.Skip(1))
        {
            if (bytes.Length == 0) continue;
            rows++;
            var what = $"{file.Source} line {number}";
            var raw = new Submission(bytes, what);
            // A cut number is a number too. Only the whole file shows that it is cut, so it is the evidence.
            if (number == cutAt)
                await run.RefuseAsync(what, Refusal.Of(Rejection.Truncated,
                    $"no line end after the last row {IntakeText.Quote(Encoding.UTF8.GetString(bytes.Span))}"), received)
                    .ConfigureAwait(false);
            else if (Row(Encoding.UTF8.GetString(bytes.Span), header, out var read) is { } refused)
                await run.RefuseAsync(what, refused, raw).ConfigureAwait(false);
            else run.Wait(what, read!, raw, received);
        }
        if (rows == 0)
            await run.RefuseAsync(file.Source, Refusal.Of(Rejection.EmptyInput, "no row after the header"), received)
                .ConfigureAwait(false);
    }

    /// <summary>Whether a text is one row without its header.</summary>
    public static bool IsRow(string text) => text.Length <= RowLengthMax && !text.Contains('\n')
        && text.Split(',') is [_, "1.8.0" or "2.8.0", _, _] or [_, "1.8.0" or "2.8.0", _, _, _];

    public static async Task TakeRowAsync(IntakeRun run, Submission row)
    {
        if (Row(row.Bytes, out var read) is { } refused)
            await run.RefuseAsync(row.Source, refused, row).ConfigureAwait(false);
        else run.Wait(row.Source, read!, row, row);
    }

    private static Refusal? Row(ReadOnlyMemory<byte> row, out IndexRead? read)
    {
        var text = Encoding.UTF8.GetString(row.Span);
        return Row(text, text.Count(',') == 3 ? Header : HeaderWithQuality, out read);
    }

    /// <summary>Longest row that is read alone, in characters.</summary>
    private const int RowLengthMax = 400;

    /// <summary>The rows of a file that say a reading, for whoever reads evidence again; what was refused is left
    /// out.</summary>
    public static IEnumerable<IndexRead> Read(ReadOnlyMemory<byte> file)
    {
        var lines = TextLines.Of(IntakeText.WithoutByteOrderMark(file));
        var header = Encoding.UTF8.GetString(lines.First().Bytes.Span);
        if (IsRow(header) && Row(file, out var single) is null) yield return single!;
        foreach (var (_, bytes) in lines.Skip(1))
            if (bytes.Length > 0 && Row(Encoding.UTF8.GetString(bytes.Span), header, out var read) is null)
                yield return read!;
    }

    private static Refusal? Row(string line, string header, out IndexRead? read)
    {
        read = null;
        var cells = line.Split(',');
        var columns = header == Header ? 4 : 5;
        if (cells.Length != columns) return Refusal.Of(Rejection.WrongCount,
            $"{cells.Length} fields under {header}{CellForm.Unless(line)}");
        if (!SettlementPointId.TryParse(cells[0], out var point))
            return Refusal.Of(Rejection.InvalidIdentifier,
                $"point {IntakeText.Quote(cells[0])}: must be {Identifier.Rule}{CellForm.Unless(cells[0])}");
        Direction? direction = cells[1] switch { "1.8.0" => Direction.Import, "2.8.0" => Direction.Export, _ => null };
        if (direction is not { } known)
            return Refusal.Of(Rejection.UnknownField,
                $"register {IntakeText.Quote(cells[1])}: must be 1.8.0 or 2.8.0{CellForm.Unless(cells[1])}");
        if (!FactValues.TryInstant(cells[2], out var readAt))
            return Refusal.Of(Rejection.InvalidTime,
                $"read_at {IntakeText.Quote(cells[2])}: must be {FactValues.InstantRule}"
                + CellForm.Unless(cells[2]));
        if (cells[3].Length > Limits.NumberLengthMax)
            return IntakeText.BadNumber(Rejection.NumberTooLong, "kwh", cells[3]);
        if (!ExactNumber.TryParse(cells[3], out var kwh))
            return IntakeText.BadNumber(Rejection.NotANumber, "kwh", cells[3], CellForm.Unless(cells[3]));
        ReadingQuality? quality = columns == 4 ? ReadingQuality.Measured : cells[4] switch
        {
            "" or "measured" => ReadingQuality.Measured,
            "estimated" => ReadingQuality.Estimated,
            "substituted" => ReadingQuality.Substituted,
            _ => null,
        };
        if (quality is not { } good)
            return Refusal.Of(Rejection.UnknownField,
                $"quality {IntakeText.Quote(cells[4])}: must be measured, estimated or substituted"
                + CellForm.Unless(cells[4]));
        read = new IndexRead(new RegisterId(point, known), readAt, kwh, cells[3], good);
        return null;
    }
}
