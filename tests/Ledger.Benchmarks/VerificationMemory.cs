using System.Diagnostics;
using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;

namespace Ledger.Benchmarks;

/// <summary>
/// The most memory that verifying a journal takes: measured in a process of its own, which has held nothing else.
/// </summary>
internal static class VerificationMemory
{
    /// <summary>Verifies a journal in another process, and says how many MB that had in use at most.</summary>
    public static async Task<double> OfAsync(string folder, LedgerId ledger)
    {
        var start = new ProcessStartInfo("dotnet",
            [typeof(VerificationMemory).Assembly.Location, "verified", folder, ledger.Value])
        {
            RedirectStandardOutput = true,
        };
        using var other = Process.Start(start)!;
        var said = await other.StandardOutput.ReadToEndAsync().ConfigureAwait(false);
        await other.WaitForExitAsync().ConfigureAwait(false);
        return other.ExitCode == 0 ? double.Parse(said, CultureInfo.InvariantCulture)
            : throw new InvalidOperationException($"verifying {folder} failed: {said}");
    }

    /// <summary>What that process runs: it says its most memory in MB, and nothing else.</summary>
    public static int Run(string folder, string ledger)
    {
        var findings = new Findings();
        var found = JournalVerification.Verify(
            folder, new(ledger), new byte[32], [], false, findings, _ => { }, CancellationToken.None);
        using var self = Process.GetCurrentProcess();
        Console.WriteLine(found.IsSound
            ? (self.PeakWorkingSet64 / 1e6).ToString("0.0", CultureInfo.InvariantCulture)
            : findings.Faults[0].ToString());
        return found.IsSound ? 0 : 1;
    }
}
