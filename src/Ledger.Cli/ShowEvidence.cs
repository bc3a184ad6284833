using System.Text;
using Ledger.Cli.Listings;
using Ledger.Cli.Months;
using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Cli;

/// <summary><c>ledger show evidence DIGEST [--out FILE]</c>: the raw bytes that a fact came from,
/// as they were received.</summary>
internal static class ShowEvidence
{
    public static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count != 2) throw new UsageException("show evidence needs a DIGEST, or a POINT and the START of a period");
        var digest = CommandLine.Read<EvidenceDigest>(line.Words[1], TryDigest, "DIGEST is 64 lower-case hex digits");
        var piece = await FindAsync(line, shell, digest, ct).ConfigureAwait(false);
        await Disclosing.RecordAsync(line, shell, "show evidence", piece.DisclosesSomebody ? [digest] : [], ct)
            .ConfigureAwait(false);
        var erased = piece.Missing.Count == 0 ? null
            : $"evidence {digest} was erased in part; {Encoding.ASCII.GetString(EvidencePiece.Tombstone)} stands for it";
        if (line.Option("--out") is not { } path)
        {
            if (erased is not null) shell.Errors.WriteLine(erased);
            await shell.Raw.WriteAsync(piece.Raw, ct).ConfigureAwait(false);
            await shell.Raw.FlushAsync(ct).ConfigureAwait(false);
            return ExitCode.Done;
        }
        await OutFile.WriteAsync(path, piece.Raw, ct).ConfigureAwait(false);
        new Page().Field("show", null, "evidence").Field("evidence", "evidence", digest.Hex)
            .Field("bytes", "bytes", piece.Raw.Length).Field("erased", "erased", erased).Field("out", "written to", path)
            .Write(shell.Output, line.Json);
        return ExitCode.Done;
    }

    /// <summary>The ledger is closed again before the reading is recorded in it.</summary>
    private static async Task<EvidencePiece> FindAsync(
        CommandLine line, Shell shell, EvidenceDigest digest, CancellationToken ct)
    {
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var piece = await PrunedEvidence.ReadAsync(ledger.Journal,
            () => Task.FromResult(ledger.Evidence.Find(digest)), ct).ConfigureAwait(false)
            ?? throw new CouldNotException($"the archive has no evidence {digest}");
        return piece.IsGone
            ? throw new CouldNotException($"evidence {digest} was erased with the person whom it names") : piece;
    }

    private static bool TryDigest(string text, out EvidenceDigest digest)
    {
        var whole = text.Length == 64 && text.All(char.IsAsciiHexDigitLower);
        digest = whole ? new EvidenceDigest(text) : default;
        return whole;
    }
}
