using System.Runtime.InteropServices;
using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Ingest;

/// <summary>
/// Facts in JSON: one object, an array of objects, or one object a line. A first line that is a whole object begins a
/// file of lines; there, and in an array, one fact that is refused stops no other.
/// </summary>
internal static class FactLines
{
    public static Task TakeAsync(IntakeRun run, Submission file)
    {
        var bytes = IntakeText.WithoutByteOrderMark(file.Bytes);
        var lines = TextLines.Of(bytes);
        var first = lines.FirstOrDefault(line => line.Bytes.Length > 0).Bytes.Span.Trim(" \t"u8);
        return first is [(byte)'{', .., (byte)'}'] ? LinesAsync(run, file, lines)
            : bytes.Span.TrimStart(" \t\r\n"u8) is [(byte)'[', ..] ? ArrayAsync(run, file, bytes)
            : run.FactAsync(file.Source, file);
    }

    private static async Task LinesAsync(IntakeRun run, Submission file,
        IEnumerable<(int Number, ReadOnlyMemory<byte> Bytes)> lines)
    {
        foreach (var (number, line) in lines)
        {
            if (line.Span.Trim(" \t"u8).Length == 0) continue;
            var what = $"{file.Source} line {number}";
            await run.FactAsync(what, new Submission(line, what)).ConfigureAwait(false);
        }
    }

    private static async Task ArrayAsync(IntakeRun run, Submission file, ReadOnlyMemory<byte> bytes)
    {
        List<ReadOnlyMemory<byte>> items;
        try
        {
            using var document = InputValue.Parse(bytes);
            items = new InputValue("input", document.RootElement).Array()
                .ConvertAll(item => (ReadOnlyMemory<byte>)JsonMarshal.GetRawUtf8Value(item.Json).ToArray());
            if (items.Count == 0)
                throw new InputRefusedException(Rejection.EmptyInput, "input", "[]", "must hold a fact");
        }
        catch (InputRefusedException refused)
        {
            await run.RefuseAsync(file.Source, Refusal.Of(refused.Code, refused.Detail), file).ConfigureAwait(false);
            return;
        }
        for (var i = 0; i < items.Count; i++)
        {
            var what = $"{file.Source} item {i + 1}";
            await run.FactAsync(what, new Submission(items[i], what)).ConfigureAwait(false);
        }
    }
}
