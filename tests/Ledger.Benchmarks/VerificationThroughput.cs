using System.Diagnostics;
using System.Runtime;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// What one core verifies in a second of a ledger's folder: events hashed into the tree again, evidence opened and
/// hashed again, interval records derived from it again sample by sample. Seconds are those of the processor, so that
/// another program beside it changes little. A step that finds a fault is not measured. The runtime compiles what it
/// finds to be hot for some seconds, beside; a ledger that takes longer to verify is verified by what comes out, so
/// rounds count from when it has nothing left to compile, and how long that took is told.
/// </summary>
internal static class VerificationThroughput
{
    private const int Rounds = 5;
    private const int WarmUpMax = 12, CompiledFew = 10;

    public static async Task<int> RunAsync(string folder)
    {
        var identity = LedgerIdentity.Open(folder);
        await WarmUpAsync(folder, identity).ConfigureAwait(false);
        var rounds = new List<Round>();
        while (rounds.Count < Rounds) rounds.Add(await RoundAsync(folder, identity).ConfigureAwait(false));
        var (events, bytes, samples) = (rounds[0].Events, rounds[0].Bytes, rounds[0].Samples);
        var (hashing, opening, deriving) = (Median(rounds, one => one.Hashing), Median(rounds, one => one.Opening),
            Median(rounds, one => one.Deriving));
        Row("events hashed, tree, order, ids", events / hashing, "events/s");
        Row("evidence opened and hashed", bytes / opening / 1e6, "MB/s");
        Row("records derived, with reading of all events", samples / deriving, "samples/s");
        Row("evidence hashed and derived", samples / (opening + deriving), "samples/s");
        Row("samples that records were derived from", samples, "samples");
        Row("most memory in use", Process.GetCurrentProcess().PeakWorkingSet64 / 1e6, "MB");
        return 0;
    }

    /// <summary>What a round verified, and the seconds of each step.</summary>
    private sealed record Round(
        long Events, long Bytes, long Samples, double Hashing, double Opening, double Deriving);

    private static async Task WarmUpAsync(string folder, LedgerIdentity identity)
    {
        var (began, first, rounds) = (Spent(), 0.0, 0);
        for (var compiled = CompiledFew; compiled >= CompiledFew && rounds < WarmUpMax; rounds++)
        {
            var before = JitInfo.GetCompiledMethodCount();
            var round = await RoundAsync(folder, identity).ConfigureAwait(false);
            if (rounds == 0) first = round.Samples / (round.Opening + round.Deriving);
            await Task.Delay(TimeSpan.FromMilliseconds(300)).ConfigureAwait(false);
            compiled = (int)(JitInfo.GetCompiledMethodCount() - before);
        }
        Row("evidence hashed and derived, at first", first, "samples/s");
        Row(FormattableString.Invariant($"warm after {rounds} rounds"), Spent() - began, "s");
    }

    private static async Task<Round> RoundAsync(string folder, LedgerIdentity identity)
    {
        var findings = new Findings();
        var start = Spent();
        var events = JournalVerification.Verify(
            folder, identity.Ledger, identity.Secret, [], false, findings, _ => { }, default).Events;
        var hashed = Spent();
        var bytes = EvidenceVerification.Verify(folder, identity.Secret, findings, _ => { }, default).Bytes;
        var opened = Spent();
        var samples = await DeriveAsync(folder, identity, findings).ConfigureAwait(false);
        var derived = Spent();
        if (findings.FaultCount > 0)
            throw new InvalidOperationException($"the ledger is not sound: {findings.Faults[0]}");
        return new(events, bytes, samples, hashed - start, opened - hashed, derived - opened);
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

    private static double Median(List<Round> rounds, Func<Round, double> seconds) =>
        rounds.Select(seconds).Order().ElementAt(rounds.Count / 2);

    private static void Row(string what, double rate, string unit) =>
        Console.WriteLine(FormattableString.Invariant($"{what,-46} {rate,14:N0} {unit}"));
}
