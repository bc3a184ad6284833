using System.Numerics;
using NodaTime;

namespace Ledger.Domain;

/// <summary>A vehicle's stay at a connector, from the charger's first word that one is connected to the first that none
/// is.</summary>
/// <param name="End"><see cref="Instant.MaxValue"/> while the vehicle stands there.</param>
/// <param name="Faulted">Whether the charger named a fault while the vehicle was connected.</param>
public sealed record ChargingSession(SettlementPointId Point, Instant Start, Instant End, bool Faulted)
{
    public Interval Stay => new(Start, End);

    /// <summary>When the charger said that a vehicle is connected, the arrival first. Each of the others was the
    /// arrival as long as nobody had told of an earlier one.</summary>
    public IReadOnlyList<Instant> Connected { get; init; } = [Start];
}

/// <summary>An index of a register with the evidence that shows it.</summary>
public sealed record SessionIndex(Instant ReadAt, long IndexSteps, EvidenceDigest? Evidence)
{
    /// <summary>Of the meter that counted then; null where nobody asked.</summary>
    public string? MeterSerial { get; init; }
}

/// <summary>Energy of a stretch of a session: one settlement period, or what of it lies within the stay.</summary>
public sealed record SessionPart(Interval Period, Energy Import, Energy Export)
{
    /// <summary>What a kWh costs by the account's tariff, with its period; null where nobody asked, where the price
    /// changes within the part, and where there is none.</summary>
    public (TariffPeriod Period, decimal PerKwh)? Price { get; init; }

    /// <summary>Whether anything flowed in it either way; null where nobody knows, and its energy is a share of the
    /// whole.</summary>
    public bool? Flows { get; init; }
}

/// <summary>
/// A session with its energy; the parts sum to it exactly. <paramref name="Why"/> says why nothing is proven, and is
/// null where it is.
/// </summary>
/// <param name="Indices">The register readings from which it is, of each direction the first and then the last.</param>
public sealed record MeteredSession(
    ChargingSession Session, Energy Import, Energy Export, IReadOnlyList<SessionPart> Parts, string Source,
    IReadOnlyList<SessionIndex> Indices, string? Why)
{
    /// <summary>What a bill counts: what went into the vehicle less what came back.</summary>
    public Energy Net => Import - Export;
}

/// <summary>
/// What a session took: the difference of the register between its edges. While nobody is connected nothing flows, so
/// the index at the arrival is the last that was read since the vehicle before left, and at the departure the first
/// until the next one comes, whether or not that one has left. A station may read its first and last index shortly
/// after and before instead; within <see cref="EdgeSecondsMax"/> they count where there is none at the edge, so that to
/// read more never makes a stay cheaper. Where the register was not read so, the settled quantities of the settlement
/// periods are the energy, if no other vehicle stood in any of them, and all were measured: no curve with a hole, no
/// estimate and no suspect meter is what says them; else nothing is proven, and never a zero.
/// The register is the amount, the curve its shape: the parts divide the amount as the settled quantities do.
/// </summary>
public static class ChargingSessions
{
    /// <summary>How far inside a stay its first and last index may be read (ours).</summary>
    public const int EdgeSecondsMax = 60;

    /// <summary>The stays in order, the last one without an end where its vehicle has not left. Two sources may speak
    /// at once; the order of their names decides.</summary>
    public static IReadOnlyList<ChargingSession> Of(
        SettlementPointId point, IEnumerable<ChargingStateRecorded> states)
    {
        var (sessions, connected, faulted) = (new List<ChargingSession>(), new List<Instant>(), false);
        foreach (var state in states.OrderBy(state => state.At).ThenBy(state => state.Source, StringComparer.Ordinal))
        {
            faulted |= state.Fault is not null;
            if (state.Connected) connected.Add(state.At);
            else End(state.At);
        }
        End(Instant.MaxValue);
        return sessions;

        void End(Instant at)
        {
            if (connected.Count > 0 && connected[0] < at)
                sessions.Add(new(point, connected[0], at, faulted) { Connected = connected });
            (connected, faulted) = ([], false);
        }
    }

    /// <summary>The indices that may count, in order of time: of a corrected one the latest, of what is in doubt none.
    /// </summary>
    public static IReadOnlyList<SessionIndex> Indices(
        IReadOnlyList<Positioned<RegisterReadingRecorded>> readings,
        IReadOnlyList<Positioned<RegisterReadingCorrected>> corrections) =>
        [.. Corrected.Latest(MeteredFacts.None with { Readings = readings, ReadingCorrections = corrections })
            .Readings.Select(reading => reading.Fact).Where(reading => reading.Quality < ReadingQuality.Suspect)
            .OrderBy(reading => reading.ReadAt)
            .Select(reading => new SessionIndex(reading.ReadAt, reading.IndexSteps, reading.Evidence))];

    /// <summary>The energy that one register counted in a stay; null where it was not read at both edges.</summary>
    /// <param name="isAlone">Whether no other vehicle stood there from an instant until another.</param>
    public static (Energy Energy, SessionIndex First, SessionIndex Last)? Counted(
        RegisterInstalled installed, IReadOnlyList<SessionIndex> readings, ChargingSession session,
        Func<Instant, Instant, bool> isAlone)
    {
        var edge = Duration.FromSeconds(EdgeSecondsMax);
        var inside = readings.Where(reading => reading.ReadAt > session.Start && reading.ReadAt < session.End);
        var first = readings.LastOrDefault(reading => reading.ReadAt <= session.Start) is { } before
            && isAlone(before.ReadAt, session.Start) ? before
            : inside.FirstOrDefault(reading => reading.ReadAt <= session.Start + edge);
        var last = readings.FirstOrDefault(reading => reading.ReadAt >= session.End) is { } after
            && isAlone(session.End, after.ReadAt) ? after
            : inside.LastOrDefault(reading => reading.ReadAt >= session.End - edge);
        if (first is null || last is null || last.ReadAt <= first.ReadAt) return null;
        return Register.Difference(installed, first.IndexSteps, last.IndexSteps).Delta is { } counted
            ? (counted, first, last) : null;
    }

    /// <summary>
    /// An amount divided over a stay as the settled quantities of its periods are, exactly: each part is what is due
    /// until its end less what was due before. A period of which nothing is known takes what the amount leaves beyond
    /// the others. Where the quantities say nothing it is even in time.
    /// </summary>
    /// <param name="isAlone">Whether no other vehicle stood there from an instant until another.</param>
    public static IReadOnlyList<Energy> Divided(Energy amount, IReadOnlyList<Interval> parts,
        IReadOnlyList<MeteredQuantity> quantities, Func<Instant, Instant, bool> isAlone)
    {
        var weights = Weights(amount, parts, [.. parts.Select(part => Known(part, quantities, isAlone))]);
        var whole = weights.Aggregate(BigInteger.Zero, (sum, weight) => sum + weight);
        var (divided, due, before) = (new List<Energy>(parts.Count), BigInteger.Zero, Energy.Zero);
        foreach (var weight in weights)
        {
            due += weight;
            var until = new Energy((Int128)(whole.IsZero ? BigInteger.Zero
                : (BigInteger)amount.HalfNanojoules * due / whole));
            divided.Add(until - before);
            before = until;
        }
        return divided;
    }

    /// <summary>What is known weighs what it is; what is not, by its time, what is left for all that is not.</summary>
    private static List<BigInteger> Weights(Energy amount, IReadOnlyList<Interval> parts, List<BigInteger?> known)
    {
        List<BigInteger> times = [.. parts.Select(part => (BigInteger)part.Duration.ToInt64Nanoseconds())];
        var unknown = times.Where((_, i) => known[i] is null).Aggregate(BigInteger.Zero, (sum, time) => sum + time);
        var left = known.Aggregate((BigInteger)amount.HalfNanojoules, (rest, weight) => rest - (weight ?? 0));
        List<BigInteger> weights = [.. times.Select((time, i) => known[i] is { } weight
            ? weight * BigInteger.Max(BigInteger.One, unknown) : time * BigInteger.Max(BigInteger.Zero, left))];
        return weights.TrueForAll(weight => weight.IsZero) ? times : weights;
    }

    /// <summary>
    /// Whether something of a stay's amount flowed in each of its parts. Of no amount there was nothing in any, and of
    /// the only part there is it is the amount. Else what was measured of a period says it: energy, also where its
    /// curve has a hole, or no energy, where it has none. Null where nothing says it, and everywhere where all was
    /// measured to be nothing and the register counted something.
    /// </summary>
    /// <param name="measured">What is settled, and what the curves alone say, with holes too.</param>
    /// <param name="proven">What is settled by curves without a hole.</param>
    public static IReadOnlyList<bool?> Flows(Energy amount, IReadOnlyList<Interval> parts,
        IReadOnlyList<MeteredQuantity> measured, IReadOnlyList<MeteredQuantity> proven)
    {
        if (amount == Energy.Zero || parts.Count == 1) return [.. parts.Select(_ => (bool?)(amount > Energy.Zero))];
        List<bool?> flows = [.. parts.Select(part => Measured(part, measured).Any(energy => energy > Energy.Zero) ? true
            : Measured(part, proven).Any(energy => energy == Energy.Zero) ? false : (bool?)null)];
        return flows.TrueForAll(flow => flow == false) ? [.. parts.Select(_ => (bool?)null)] : flows;
    }

    private static IEnumerable<Energy> Measured(Interval part, IReadOnlyList<MeteredQuantity> quantities) => quantities
        .Where(quantity => quantity.Period.Contains(part.Start) && quantity.Quality < ReadingQuality.Estimated)
        .Select(quantity => quantity.Metered).OfType<Energy>();

    /// <summary>What is settled of a part: of a period that is cut by an edge of the stay all, if nobody else stood in
    /// it, and else as if it were even in time.</summary>
    private static BigInteger? Known(
        Interval part, IReadOnlyList<MeteredQuantity> quantities, Func<Instant, Instant, bool> isAlone)
    {
        if (quantities.FirstOrDefault(quantity => quantity.Period.Contains(part.Start))
            is not { Metered: { HalfNanojoules: var energy }, Period: var period }) return null;
        return part == period || isAlone(period.Start, period.End) ? energy
            : (BigInteger)energy * part.Duration.ToInt64Nanoseconds() / period.Duration.ToInt64Nanoseconds();
    }
}
