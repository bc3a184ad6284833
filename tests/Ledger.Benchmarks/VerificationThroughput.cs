using System.Diagnostics;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// What one core verifies in a second of a ledger's folder: events hashed into the tree again, evidence opened and
/// hashed again, interval records derived from it again sample by sample. Seconds are those of the processor, so that
/// another program beside it changes little. A step that finds a fault is not measured.
/// </summary>
internal static class VerificationThroughput
{
    private const int Rounds = 5; // the first warms up and is not counted

    public static async Task<int> RunAsync(string folder)
    {
        var identity = LedgerIdentity.Open(folder);
        var (hashing, opening, deriving) = (new List<double>(), new List<double>(), new List<double>());
        var (events, bytes, samples) = (0L, 0L, 0L);
        for (var round = 0; round < Rounds; round++)
        {
            var findings = new Findings();
            var start = Spent();
            events = JournalVerification.Verify(
                folder, identity.Ledger, identity.Secret, [], false, findings, _ => { }, default).Events;
            var hashed = Spent() - start;
            bytes = EvidenceVerification.Verify(folder, identity.Secret, findings, _ => { }, default).Bytes;
            var opened = Spent() - start;
            samples = await DeriveAsync(folder, identity, findings).ConfigureAwait(false);
            var derived = Spent() - start;
            if (findings.FaultCount > 0)
                throw new InvalidOperationException($"the ledger is not sound: {findings.Faults[0]}");
            if (round == 0) continue;
            hashing.Add(hashed);
            opening.Add(opened - hashed);
            deriving.Add(derived - opened);
        }
        Row("events hashed, tree, order, ids", events / Median(hashing), "events/s");
        Row("evidence opened and hashed", bytes / Median(opening) / 1e6, "MB/s");
        Row("records derived, with reading of all events", samples / Median(deriving), "samples/s");
        Row("evidence hashed and derived", samples / (Median(opening) + Median(deriving)), "samples/s");
        Row("most memory in use", Process.GetCurrentProcess().PeakWorkingSet64 / 1e6, "MB");
        return 0;
    }

    private static async Task<long> DeriveAsync(string folder, LedgerIdentity identity, Findings findings)
    {
        await using var journal = SqliteJournalReader.Open(
            new(folder, identity.Ledger, SystemClock.Instance, identity.Secret));
        using var archive = EvidenceArchive.OpenForReading(folder, identity.Secret);
        var records = new RecordVerification(archive.Get, findings);
        await foreach (var recorded in journal.ReadAllAsync(0, default).ConfigureAwait(false))
            if (EventCodec.Decode(recorded) is IntervalRecorded record) records.Verify(recorded.Position, record);
        return records.Derived.Samples;
    }

    private static double Spent()
    {
        using var self = Process.GetCurrentProcess();
        return self.TotalProcessorTime.TotalSeconds;
    }

    private static double Median(List<double> seconds) => seconds.Order().ElementAt(seconds.Count / 2);

    private static void Row(string what, double rate, string unit) =>
        Console.WriteLine(FormattableString.Invariant($"{what,-46} {rate,14:N0} {unit}"));
}
