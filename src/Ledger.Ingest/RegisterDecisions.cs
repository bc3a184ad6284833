using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>
/// Asks the rule of registers again what no evidence says: whether a reading is to be quarantined, whether it is
/// suspect, and whether all meters that a register is said to have had read its indices as they were recorded. Facts
/// come in the order of the journal; what was known before one is read from its register's stream, so memory does not
/// grow with the readings.
/// </summary>
public sealed class RegisterDecisions(IJournal journal, Findings findings)
{
    /// <summary>Readings of one register that are judged: what is known before each may have to be read
    /// again.</summary>
    private const int JudgedMax = 10_000;

    /// <summary>Readings of which registers are remembered, of about 100 bytes each.</summary>
    private const int ReadingsKeptMax = 500_000;

    private readonly Dictionary<SettlementPointId, HashSet<Power?>> ratings = [];
    private readonly Dictionary<RegisterId, HashSet<int>> decimals = [];
    private readonly Dictionary<string, (long Next, RegisterState State)> known = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> judged = new(StringComparer.Ordinal);
    private long kept;
    private long byEarlierRule, notJudged;

    /// <summary>Takes the next fact of the journal.</summary>
    /// <param name="isForTheRule">Whether the rule alone says that it is as it is, as
    /// <see cref="ReadingVerification.Verify"/> found.</param>
    public async ValueTask VerifyAsync(
        RecordedEvent recorded, LedgerEvent fact, bool isForTheRule, CancellationToken ct)
    {
        switch (fact)
        {
            case SettlementPointRegistered { Rated.Milliwatts: > 0 } point:
                RatingsOf(point.Point).Add(point.Rated);
                break;
            case RegisterInstalled installed:
                if (!decimals.TryGetValue(installed.Register, out var had)) decimals.Add(installed.Register, had = []);
                had.Add(installed.Decimals);
                break;
            case RegisterReadingQuarantined held:
                await JudgeAsync(recorded, fact, new(held.Register, held.ReadAt, held.IndexSteps,
                    ReadingQuality.Measured, held.Evidence), ct).ConfigureAwait(false);
                break;
            case RegisterReadingRecorded reading when isForTheRule:
                await JudgeAsync(recorded, fact, new(reading.Register, reading.ReadAt, reading.IndexSteps,
                    ReadingQuality.Measured, reading.Evidence), ct).ConfigureAwait(false);
                break;
            case IntervalReadingRecorded reading when isForTheRule:
                if (!RatingsOf(reading.Register.Point).Any(rating => IntervalReadings.Decide(
                        IntervalReadingsState.Empty, reading with { Quality = ReadingQuality.Measured },
                        recorded.Envelope.RecordedAt, rating) is Decision.Accepted { Facts: [{ Event: var again }, ..] }
                    && again == reading))
                    Add(recorded, "a suspect interval reading", "one that is not: no rule finds anything in it");
                break;
        }
    }

    /// <summary>Compares the indices of each register whose meters show other decimals than one another, and says what
    /// could only be decided by a rule of before.</summary>
    public async Task FinishAsync(CancellationToken ct)
    {
        foreach (var (register, _) in decimals.Where(had => had.Value.Count > 1)
            .OrderBy(had => had.Key.ToString(), StringComparer.Ordinal))
            await CompareDecimalsAsync(register, ct).ConfigureAwait(false);
        if (notJudged > 0)
            findings.LeaveOut(string.Create(CultureInfo.InvariantCulture, $"{notJudged} readings that are quarantined or "
                + $"suspect by the rule: of each register the first {JudgedMax} are decided again"));
        if (byEarlierRule > 0)
            findings.LeaveOut(string.Create(CultureInfo.InvariantCulture,
                $"{byEarlierRule} readings that are quarantined or suspect beside those of another meter: an earlier rule "
                + $"compared them, by the one of now they would count"));
    }

    /// <summary>Of an index the meter that was known when it was read says what its steps are, and all that is known
    /// now says which meter's they are: the steps have to be the same, or else another energy counts than was read.
    /// One that was withdrawn counts nowhere.</summary>
    private async Task CompareDecimalsAsync(RegisterId register, CancellationToken ct)
    {
        var (state, read) = (RegisterState.Empty, new Dictionary<Instant, (long Position, int Decimals)>());
        await foreach (var recorded in journal.ReadStreamAsync(Streams.Register(register), 0, ct).ConfigureAwait(false))
        {
            var fact = EventCodec.Decode(recorded);
            state = Register.Evolve(state, fact, recorded.Envelope.ValidFrom);
            Instant? at = fact switch
            {
                RegisterReadingRecorded reading => reading.ReadAt,
                RegisterReadingQuarantined held => held.ReadAt,
                RegisterReadingCorrected correction => correction.ReadAt,
                _ => null,
            };
            if (at is { } instant && state.InForce(instant) is { Installed.Decimals: var shown })
                read[instant] = (recorded.Position, shown);
        }
        foreach (var reading in state.Readings)
            if (read.TryGetValue(reading.ReadAt, out var then)
                && state.InForce(reading.ReadAt) is { Installed: var counts } && counts.Decimals != then.Decimals)
                findings.Add(
                    string.Create(CultureInfo.InvariantCulture, $"position {then.Position}, {Streams.Register(register)}"),
                    string.Create(CultureInfo.InvariantCulture, $"{reading.IndexSteps} steps of "
                        + $"{InstantPattern.ExtendedIso.Format(reading.ReadAt)} count with {counts.Decimals} decimals, by meter "
                        + $"{counts.MeterSerial}"),
                    string.Create(CultureInfo.InvariantCulture, $"with {then.Decimals}, as they were read"));
    }

    private async ValueTask JudgeAsync(
        RecordedEvent recorded, LedgerEvent fact, RegisterReadingInput input, CancellationToken ct)
    {
        var count = judged[recorded.Envelope.Stream] = judged.GetValueOrDefault(recorded.Envelope.Stream) + 1;
        if (count > JudgedMax)
        {
            notJudged++;
            return;
        }
        var before = await BeforeAsync(recorded, ct).ConfigureAwait(false);
        if (Gives(before)) return;
        // Once readings were compared with those of the meter before, until the exchange was told.
        if (before.Installations.Count > 1 && before.Installations.Any(
            meter => Gives(before with { Installations = [meter with { From = Instant.MinValue }] })))
            byEarlierRule++;
        else
            Add(recorded, fact is RegisterReadingQuarantined ? "a quarantined reading" : "a suspect reading",
                InWords(Decided(before, null)));

        bool Gives(RegisterState state) => RatingsOf(input.Register.Point).Any(rating => Decided(state, rating)
            is Decision.Accepted { Facts: [{ Event: var again }, ..] } && IsAs(again, fact));

        Decision Decided(RegisterState state, Power? rating) =>
            Register.Decide(state, input, recorded.Envelope.RecordedAt, new(rating));
    }

    private static bool IsAs(LedgerEvent again, LedgerEvent fact) => (again, fact) switch
    {
        (RegisterReadingQuarantined one, RegisterReadingQuarantined other) => one.Code == other.Code,
        (RegisterReadingRecorded one, RegisterReadingRecorded other) => one.Quality == other.Quality,
        _ => false,
    };

    private static string InWords(Decision decision) => decision switch
    {
        Decision.Accepted { Facts: [{ Event: RegisterReadingQuarantined { Code: var code } }, ..] } =>
            $"one that is quarantined as {code}",
        Decision.Rejected refused => $"none, because it is refused as {refused.Code}",
        Decision.AlreadyRecorded => "none, because it is recorded already",
        _ => "one that counts",
    };

    /// <summary>The register as it was known before a fact of its stream.</summary>
    private async ValueTask<RegisterState> BeforeAsync(RecordedEvent recorded, CancellationToken ct)
    {
        var stream = recorded.Envelope.Stream;
        var (next, state) = known.Remove(stream, out var earlier) ? earlier : (0L, RegisterState.Empty);
        var had = state.Readings.Count;
        await foreach (var one in journal.ReadStreamAsync(stream, next, ct).ConfigureAwait(false))
        {
            if (one.Envelope.Revision >= recorded.Envelope.Revision) break;
            state = Register.Evolve(state, EventCodec.Decode(one), one.Envelope.ValidFrom);
        }
        if ((kept += state.Readings.Count - had) > ReadingsKeptMax)
        {
            known.Clear();
            kept = state.Readings.Count;
        }
        known[stream] = (recorded.Envelope.Revision, state);
        return state;
    }

    /// <summary>What a point was ever said to let through at most; none is one of them, because it may not have been
    /// said.</summary>
    private HashSet<Power?> RatingsOf(SettlementPointId point)
    {
        if (!ratings.TryGetValue(point, out var said)) ratings.Add(point, said = [null]);
        return said;
    }

    private void Add(RecordedEvent recorded, string found, string expected) => findings.Add(
        string.Create(CultureInfo.InvariantCulture, $"position {recorded.Position}, {recorded.Envelope.Stream}"), found,
        expected);
}
