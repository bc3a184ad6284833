using Ledger.Cli.Listings;
using Ledger.Domain;

namespace Ledger.Cli;

/// <summary><c>ledger show evidence DIGEST [--out FILE]</c>: the raw bytes that a fact came from,
/// as they were received.</summary>
internal static class ShowEvidence
{
    public static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count != 2) throw new UsageException("show evidence needs a DIGEST");
        var digest = CommandLine.Read<EvidenceDigest>(line.Words[1], TryDigest, "DIGEST is 64 lower-case hex digits");
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var bytes = ledger.Evidence.Get(digest) ?? throw new CouldNotException($"the archive has no evidence {digest}");
        if (line.Option("--out") is not { } path)
        {
            await shell.Raw.WriteAsync(bytes, ct).ConfigureAwait(false);
            await shell.Raw.FlushAsync(ct).ConfigureAwait(false);
            return ExitCode.Done;
        }
        await File.WriteAllBytesAsync(path, bytes, ct).ConfigureAwait(false);
        new Page().Field("show", null, "evidence").Field("evidence", "evidence", digest.Hex)
            .Field("bytes", "bytes", bytes.Length).Field("out", "written to", path).Write(shell.Output, line.Json);
        return ExitCode.Done;
    }

    private static bool TryDigest(string text, out EvidenceDigest digest)
    {
        var whole = text.Length == 64 && text.All(char.IsAsciiHexDigitLower);
        digest = whole ? new EvidenceDigest(text) : default;
        return whole;
    }
}
