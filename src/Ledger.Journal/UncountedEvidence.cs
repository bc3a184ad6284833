using System.Diagnostics.Metrics;
using System.Globalization;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal;

/// <summary>How much of what does not count is kept.</summary>
/// <param name="BytesPerDayMax">Bytes of refused or uncounted evidence of one party in one UTC day; at least
/// <see cref="BytesPerDayLeast"/>, so that any one file finds room.</param>
/// <param name="FreeBytesMin">Free bytes of the disk under which such evidence is not kept any more, so that the rest
/// is for facts; 0: nobody looks.</param>
public sealed record EvidenceLimits(long BytesPerDayMax, long FreeBytesMin)
{
    /// <summary>The largest file, and what its refusal takes.</summary>
    public const long BytesPerDayLeast = Limits.ImportBytesMax + UncountedEvidence.RefusalBytes;

    /// <summary>1 GiB a party and day, 1 GiB of the disk left free.</summary>
    public static readonly EvidenceLimits Standard = new(1L << 30, 1L << 30);

    /// <summary>For ledgers that nobody else hands anything to.</summary>
    public static readonly EvidenceLimits None = new(long.MaxValue, 0);

    /// <summary>Why these are no limits; null where they are.</summary>
    public string? WhyNot =>
        BytesPerDayMax < BytesPerDayLeast
            ? string.Create(CultureInfo.InvariantCulture,
                $"a party may have less refused in a day than one file: {BytesPerDayMax} bytes are under "
                + $"{BytesPerDayLeast}")
        : FreeBytesMin < 0 ? "less than nothing cannot be left free" : null;
}

/// <summary>Why something that does not count is not kept.</summary>
public enum Shortage
{
    /// <summary>Its party has had as much kept today as may be.</summary>
    Allowance = 1,
    /// <summary>The disk has no more free than is left for facts.</summary>
    Disk = 2,
}

/// <summary>
/// What parties have had kept today that does not count, so that nobody fills the disk with what is refused. It is the
/// sum of the day's facts of refusal, and goes on there after a start. The ledger's own party owns the disk, and only
/// the disk bounds it. What counts is never bounded here.
/// </summary>
public sealed class UncountedEvidence(
    IJournal journal, EvidenceLimits limits, IClock clock, Func<long> freeBytes)
{
    /// <summary>What the fact of a refusal takes beside its evidence, in bytes: about that in the journal and the
    /// views together, so that many small ones are bounded too.</summary>
    public const int RefusalBytes = 1024;

    public const string MeterName = "Ledger.Evidence";

    /// <summary>Evidence from which facts are made is held beside what is refused, up to as much again: what counts is
    /// given back, so only files of which nothing counts come so far.</summary>
    private const int HeldTimes = 2;

    private static readonly Duration LookAgainAfter = Duration.FromMinutes(1);
    private static readonly Meter Meter = new(MeterName);
    private static readonly Counter<long> Kept = Meter.CreateCounter<long>("ledger.evidence.uncounted", "By",
        "evidence that was kept and does not count");
    private static readonly Counter<long> Unkept = Meter.CreateCounter<long>("ledger.evidence.unkept", "{piece}",
        "evidence that was refused and not kept, by why (tag shortage)");

    private readonly SemaphoreSlim reading = new(1);
    private readonly Lock gate = new();
    private readonly Dictionary<PartyId, long> taken = [];
    private readonly HashSet<PartyId> told = [];
    private LocalDate day = LocalDate.MinIsoValue;
    private bool isDiskLow;

    /// <summary>Told once when a party has had as much kept as may be, and when the disk comes to be low and is so no
    /// longer: a person must know.</summary>
    public event Action<string>? Alarmed;

    /// <summary>A part of what a party may have kept in a day.</summary>
    internal readonly record struct Share(LocalDate Day, PartyId Party, long Bytes);

    /// <summary>Takes room for what is refused or kept uncounted.</summary>
    internal async ValueTask<(Share Share, Shortage? Short)> TakeAsync(Principal by, long bytes, CancellationToken ct)
    {
        if (IsDiskLow(bytes)) return (default, NotKept(Shortage.Disk));
        return await TakeAsync(by, bytes, limits.BytesPerDayMax, ct).ConfigureAwait(false);
    }

    /// <summary>Takes room for evidence from which facts are about to be made: the disk is theirs.</summary>
    internal ValueTask<(Share Share, Shortage? Short)> HoldAsync(Principal by, long bytes, CancellationToken ct) =>
        TakeAsync(by, bytes, limits.BytesPerDayMax > long.MaxValue / HeldTimes
            ? long.MaxValue : HeldTimes * limits.BytesPerDayMax, ct);

    private async ValueTask<(Share Share, Shortage? Short)> TakeAsync(
        Principal by, long bytes, long most, CancellationToken ct)
    {
        var share = new Share(clock.GetCurrentInstant().InUtc().Date, by.Party, bytes);
        if (by.Party.Value == journal.Ledger.Value) return (share with { Bytes = 0 }, null);
        if (day != share.Day) await BeginAsync(share.Day, ct).ConfigureAwait(false);
        bool isToTell;
        lock (gate)
        {
            var before = taken.GetValueOrDefault(by.Party);
            if (bytes <= most - before)
            {
                taken[by.Party] = before + bytes;
                Kept.Add(bytes);
                return (share, null);
            }
            isToTell = told.Add(by.Party);
        }
        if (isToTell)
            Alarmed?.Invoke(string.Create(CultureInfo.InvariantCulture,
                $"party {by.Party} has had {limits.BytesPerDayMax} bytes of evidence kept today that does not count: "
                + $"no more of it is kept before tomorrow (UTC)"));
        return (default, NotKept(Shortage.Allowance));
    }

    /// <summary>Gives back what was not needed, or has come to count.</summary>
    internal void GiveBack(in Share share, long bytes)
    {
        if (bytes == 0 || share.Bytes == 0) return;
        lock (gate)
            if (day == share.Day)
                taken[share.Party] = Math.Max(0, taken.GetValueOrDefault(share.Party) - bytes);
    }

    /// <summary>When it may be kept.</summary>
    internal Duration Until(Shortage shortage) => shortage == Shortage.Disk ? LookAgainAfter
        : clock.GetCurrentInstant().InUtc().Date.PlusDays(1).AtStartOfDayInZone(DateTimeZone.Utc).ToInstant()
            - clock.GetCurrentInstant();

    /// <summary>A day begins with what its facts say was kept before.</summary>
    private async Task BeginAsync(LocalDate today, CancellationToken ct)
    {
        await reading.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            if (day == today) return;
            var kept = new Dictionary<PartyId, long>();
            await foreach (var recorded in journal.ReadStreamAsync(Streams.Refusals(today), 0, ct)
                .ConfigureAwait(false))
                kept[recorded.Envelope.Tenant] = kept.GetValueOrDefault(recorded.Envelope.Tenant) + RefusalBytes
                    + EventCodec.Decode(recorded) switch
                    {
                        EvidenceRefused refused => refused.Bytes,
                        EvidenceKept uncounted => uncounted.Bytes,
                        _ => 0,
                    };
            lock (gate)
            {
                taken.Clear();
                told.Clear();
                foreach (var (party, bytes) in kept) taken[party] = bytes;
                day = today;
            }
        }
        finally
        {
            reading.Release();
        }
    }

    /// <summary>Whether the disk would have less free with these bytes than is left for facts.</summary>
    public bool IsDiskLow(long bytes)
    {
        if (limits.FreeBytesMin == 0) return false;
        var free = freeBytes();
        var isLow = free - bytes < limits.FreeBytesMin;
        lock (gate)
        {
            if (isDiskLow == isLow) return isLow;
            isDiskLow = isLow;
        }
        Alarmed?.Invoke(string.Create(CultureInfo.InvariantCulture, $"the disk has {free} bytes free, ") + (isLow
            ? "too few: what is refused is not kept any more, so that there is room for facts"
            : "enough: what is refused is kept again"));
        return isLow;
    }

    private static Shortage NotKept(Shortage why)
    {
        Unkept.Add(1, new KeyValuePair<string, object?>("shortage", $"{why}"));
        return why;
    }
}

/// <summary>
/// Evidence that is kept before it is known whether anything of it counts. Until something does it is a part of what
/// its sender's party may have kept that does not.
/// </summary>
public sealed class HeldEvidence
{
    private readonly UncountedEvidence uncounted;
    private readonly UncountedEvidence.Share share;
    private int counts;

    internal HeldEvidence(EvidenceDigest digest, UncountedEvidence uncounted, in UncountedEvidence.Share share) =>
        (Digest, this.uncounted, this.share) = (digest, uncounted, share);

    public EvidenceDigest Digest { get; }

    /// <summary>Takes note of what became of something that was read from it.</summary>
    public void Note(RecordOutcome outcome)
    {
        if (Counts(outcome) && Interlocked.Exchange(ref counts, 1) == 0) uncounted.GiveBack(share, share.Bytes);
    }

    private static bool Counts(RecordOutcome outcome) => outcome switch
    {
        RecordOutcome.Recorded or RecordOutcome.Quarantined => true,
        RecordOutcome.Several several => several.Parts.Any(Counts),
        _ => false,
    };
}
