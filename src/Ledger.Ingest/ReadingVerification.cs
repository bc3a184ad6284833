using System.Globalization;
using System.Runtime.InteropServices;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>
/// Derives register readings and interval readings again from the text of the evidence that they name, and compares
/// index, instant, register and quality. A signed value's signature is verified again, with the key that came with it
/// or else with the one that is registered for its meter. Facts come in the order of the journal, because what a
/// reading means depends on the register and the keys that were known before it. Charge records are compared with the
/// text of theirs (<see cref="ChargeRecordVerification"/>).
/// </summary>
/// <param name="evidence">The bytes of a digest; null where they are not kept. May throw
/// <see cref="EvidenceErasedException"/> or <see cref="EvidencePrunedException"/>.</param>
/// <param name="scope">Of which registers evidence is asked for readings that nobody recorded; null: of all.</param>
public sealed class ReadingVerification(
    Func<EvidenceDigest, byte[]?> evidence, Findings findings, ReadingScope? scope = null)
{
    private readonly ReadingEvidence read = new(evidence, scope);
    private readonly Dictionary<RegisterId, RegisterState> installed = [];
    private readonly Dictionary<SettlementPointId, SettlementPointRegistered> points = [];
    private readonly Dictionary<string, MeterState> meters = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> leftOut = new(StringComparer.Ordinal);
    /// <summary>When which meter said a value of a register that was recorded, and where.</summary>
    private readonly Dictionary<(RegisterId Register, string Serial), List<(Instant At, long Position)>> said = [];
    /// <summary>What was quarantined, or corrected by a word beside its evidence: no value counts there.</summary>
    private readonly HashSet<(RegisterId, Instant)> uncounted = [];
    /// <summary>Readings that only a finding makes suspect, which must follow in the same stream.</summary>
    private readonly Dictionary<string, string> unexplained = new(StringComparer.Ordinal);
    private bool isForTheRule;

    /// <summary>Register readings that were compared, and those of them whose signature was verified again.</summary>
    public (long Readings, long Signatures) Registers { get; private set; }

    /// <summary>Interval readings that were compared.</summary>
    public long Intervals { get; private set; }

    /// <summary>Charge records.</summary>
    public ChargeRecordVerification Charges { get; } = new(evidence, findings);

    /// <summary>Readings that stand beside others in their evidence, and that no fact records from it.</summary>
    public long Unrecorded => read.Unrecorded;

    /// <summary>Whether no evidence can say that the fact is as it is, but the rule of registers alone: a reading that
    /// is quarantined, or suspect where its evidence gives another quality (<see cref="RegisterDecisions"/>).</summary>
    /// <param name="from">From when on the fact holds.</param>
    public bool Verify(long position, string stream, Instant from, LedgerEvent fact)
    {
        isForTheRule = fact is RegisterReadingQuarantined;
        if (unexplained.Remove(stream, out var suspect) && fact is not MeterFindingRecorded)
            findings.Add(suspect, "quality Suspect without a finding", "the quality that its evidence gives");
        var place = $"position {position.ToString(CultureInfo.InvariantCulture)}, {stream}";
        switch (fact)
        {
            case SettlementPointRegistered point: points[point.Point] = point; break;
            case RegisterInstalled register:
                installed[register.Register] = Register.Evolve(
                    installed.GetValueOrDefault(register.Register, RegisterState.Empty), register, from);
                break;
            case MeterKeyRegistered key:
                meters[key.MeterSerial] = Meters.Evolve(
                    meters.GetValueOrDefault(key.MeterSerial, MeterState.Empty), key);
                break;
            case RegisterReadingRecorded r:
                VerifyIndex(place, stream, r.Register, r.ReadAt, r.IndexSteps, r.Quality, r.Evidence, position);
                break;
            case RegisterReadingQuarantined q:
                VerifyIndex(place, stream, q.Register, q.ReadAt, q.IndexSteps, null, q.Evidence, position);
                uncounted.Add((q.Register, q.ReadAt));
                break;
            case RegisterReadingCorrected { Evidence: not null } released:
                uncounted.Remove((released.Register, released.ReadAt));
                LeaveOut(Corrections);
                break;
            case RegisterReadingCorrected corrected:
                uncounted.Add((corrected.Register, corrected.ReadAt));
                LeaveOut(Corrections);
                break;
            case IntervalReadingRecorded reading: VerifyInterval(place, stream, reading); break;
            case IntervalReadingCorrected or IntervalEstimated: LeaveOut(Corrections); break;
            case ChargeRecorded record:
                if (Charges.Verify(place, record) is { } left) LeaveOut(left);
                break;
        }
        return isForTheRule;
    }

    private const string Corrections = "corrections and estimates, of which the fact itself is all that is kept";

    /// <summary>Says whose values count where their meter did not, and what could not be derived again, each kind with
    /// its count.</summary>
    public void Finish()
    {
        VerifyMeters();
        foreach (var suspect in unexplained.Values)
            findings.Add(suspect, "quality Suspect without a finding", "the quality that its evidence gives");
        foreach (var (what, count) in leftOut)
            findings.LeaveOut($"{count.ToString(CultureInfo.InvariantCulture)} {what}");
    }

    /// <summary>A value that names its meter counts where that was installed at its time, by all that was told since:
    /// an exchange may be recorded after it.</summary>
    private void VerifyMeters()
    {
        var meters = InstalledMeters.Of(installed.Values.SelectMany(state => state.Installations));
        foreach (var ((register, serial), values) in said)
            foreach (var (at, position) in values)
                if (!uncounted.Contains((register, at)) && meters.At(serial, register.Direction, at) is var right
                    && right != register)
                    findings.Add(string.Create(CultureInfo.InvariantCulture, $"position {position}"),
                        $"a value of meter {serial} of {InstantPattern.ExtendedIso.Format(at)} counts as {register}",
                        right is { } named ? $"as {named}, which the meter counted then"
                            : "nowhere: another meter had taken its place");
    }

    private void VerifyIndex(string place, string stream, RegisterId register, Instant at, long steps,
        ReadingQuality? quality, EvidenceDigest? digest, long position)
    {
        if (digest is not { } named)
        {
            LeaveOut("register readings that came as facts and name no evidence");
            return;
        }
        if (installed.GetValueOrDefault(register)?.InForce(at) is not { Installed: var counts })
        {
            findings.Add(place, $"a reading of {register}", "a register that was installed before it");
            return;
        }
        try
        {
            var shown = read.Index(counts, at, steps, named, points.GetValueOrDefault(register.Point), out var isKept);
            if (!isKept) LeaveOut("register readings whose evidence is not there to be read");
            else if (shown is null)
                findings.Add(place, $"{steps} steps at {InstantPattern.ExtendedIso.Format(at)}",
                    $"a reading of {register} at that instant in evidence {named}");
            else
            {
                Compare(place, stream, counts, at, steps, quality, shown);
                if (shown.MeterSerial is { } serial) Said(register, serial).Add((at, position));
            }
        }
        catch (EvidenceErasedException)
        {
            LeaveOut("register readings whose evidence was erased");
        }
        catch (EvidencePrunedException)
        {
            LeaveOut("register readings whose evidence was pruned");
        }
        catch (InvalidDataException unreadable)
        {
            findings.Add(place, unreadable.Message, "the evidence that the reading names");
        }
    }

    private List<(Instant At, long Position)> Said(RegisterId register, string serial) =>
        CollectionsMarshal.GetValueRefOrAddDefault(said, (register, serial), out _) ??= [];

    private void Compare(string place, string stream, RegisterInstalled counts, Instant at, long steps,
        ReadingQuality? recorded, ShownIndex shown)
    {
        if (shown.Steps(counts) is not { } should || should != steps)
            findings.Add(place, string.Create(CultureInfo.InvariantCulture, $"index {steps} steps"),
                string.Create(CultureInfo.InvariantCulture,
                    $"{shown.Kwh.InUnits(counts.Decimals, out _)} steps by the evidence"));
        var (readings, signatures) = Registers;
        var quality = shown.Quality;
        if (shown.Signed is { } value)
            (quality, signatures) = (Signed(place, at, shown, value, recorded), signatures + 1);
        Registers = (readings + 1, signatures);
        if (recorded is { } said) CompareQuality(place, stream, said, quality);
    }

    /// <summary>
    /// The quality that a signed value gives, its signature verified again: with the key that is kept with it, else
    /// with its meter's. A bare value's key may have come beside it: where the meter has none registered, what was
    /// recorded cannot be asked again.
    /// </summary>
    private ReadingQuality Signed(
        string place, Instant at, ShownIndex shown, OcmfValue value, ReadingQuality? recorded)
    {
        var (quality, bringsNone) = (shown.Quality, value.Signature == SignatureVerdict.NoKey);
        var meter = meters.GetValueOrDefault(value.Serial, MeterState.Empty);
        var registered = meter.KeyAt(at);
        if (bringsNone && registered is not null) value = SignedValues.ByTheMeter(value, shown.Text!, meter);
        // Older journals say measured of what brings no key, whatever was registered.
        var mayBeMeasured = (registered is null || bringsNone) && recorded == ReadingQuality.Measured;
        if (value is { PublicKey: { } came } && registered is not null && !MeterPublicKey.IsSame(registered, came)
            && !(mayBeMeasured && value.Signature == SignatureVerdict.Valid))
            findings.Add(place, $"signed with key {came}", $"{registered}, registered for meter {value.Serial}");
        switch (value.Signature)
        {
            case SignatureVerdict.Valid:
                // By a key that was not registered a value is measured alone; older journals say signed.
                return quality == ReadingQuality.Suspect ? quality
                    : mayBeMeasured ? ReadingQuality.Measured : ReadingQuality.MeasuredSigned;
            case SignatureVerdict.NoKey when shown.IsBare && recorded == ReadingQuality.MeasuredSigned:
                LeaveOut("signatures of values whose key came beside them and is not kept");
                return ReadingQuality.MeasuredSigned;
            case SignatureVerdict.NoKey: return quality;
            default:
                findings.Add(place, $"a reading by a value whose signature is {value.Signature}", "a signature that holds");
                return quality;
        }
    }

    private void VerifyInterval(string place, string stream, IntervalReadingRecorded reading)
    {
        if (reading.Evidence is not { } named)
        {
            LeaveOut("interval readings that came as facts and name no evidence");
            return;
        }
        try
        {
            if (read.Interval(reading, named, out var isKept) is { } shown)
            {
                Intervals++;
                if (shown.Energy != reading.Energy)
                    findings.Add(place, $"{reading.Energy.ToKwh()} kWh", $"{shown.Energy.ToKwh()} kWh by the evidence");
                if (shown.Method != reading.Method)
                    findings.Add(place, $"method {reading.Method}", $"{shown.Method} by the evidence");
                CompareQuality(place, stream, reading.Quality, shown.Quality);
            }
            else if (!isKept) LeaveOut("interval readings whose evidence is not there to be read");
            else
                findings.Add(place, $"{reading.Energy.ToKwh()} kWh in {reading.Period}",
                    $"an interval of {reading.Register} in evidence {named}");
        }
        catch (EvidenceErasedException)
        {
            LeaveOut("interval readings whose evidence was erased");
        }
        catch (EvidencePrunedException)
        {
            LeaveOut("interval readings whose evidence was pruned");
        }
        catch (InvalidDataException unreadable)
        {
            findings.Add(place, unreadable.Message, "the evidence that the reading names");
        }
    }

    private void CompareQuality(string place, string stream, ReadingQuality recorded, ReadingQuality shown)
    {
        if (recorded == shown) return;
        if (recorded == ReadingQuality.Suspect) (unexplained[stream], isForTheRule) = (place, true);
        else findings.Add(place, $"quality {recorded}", $"{shown} by the evidence");
    }

    private void LeaveOut(string what) => leftOut[what] = leftOut.GetValueOrDefault(what) + 1;
}
