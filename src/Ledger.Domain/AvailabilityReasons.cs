using System.Numerics;
using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// Why power held ready is paid what it is paid: a second time and written apart from <see cref="AvailabilityPay"/>. That
/// one cuts the day wherever anything may change; this one walks from one instant to the next at which something does,
/// and counts in fractions. Whom a stretch pays is said by the version of the programme that pays it.
/// </summary>
public sealed class AvailabilityReasons
{
    private readonly Dictionary<FlexibilityKey, (ProgrammePublished Terms, PartyId Payee, Fraction Hours, bool IsLess,
        Fraction Amount, ExplainedValue Why)> lines = [];
    private readonly ReadyPoint point;

    /// <param name="paid">As what the point is paid.</param>
    /// <param name="owner">Of the point on that day: paid where the programme names nobody.</param>
    public AvailabilityReasons(ReadyPoint point, string paid, PartyId owner, Interval day, int moneyDecimals)
    {
        this.point = point;
        var (exact, given) = (Fraction.Zero, Fraction.Zero);
        for (var at = day.Start; at < day.End;)
        {
            var end = Instant.Min(NextChange(at), day.End);
            if (Paying(point, at) is not (var declared, var programme))
            {
                at = end;
                continue;
            }
            var counted = Counted(at);
            // As long as the same declaration stands, the same version pays and as much counts, it is one stretch.
            while (end < day.End && Paying(point, end) is (var still, var version)
                && (still.Position, version.Position) == (declared.Position, programme.Position)
                && Counted(end) == counted)
                end = Instant.Min(NextChange(end), day.End);
            var hours = Millionths(new Fraction(counted
                * (end - at).ToInt64Nanoseconds(), (BigInteger)NodaConstants.NanosecondsPerHour * 1_000_000));
            exact += hours * Fraction.Of(programme.Fact.AvailabilityPerKwHour!.Value);
            var amount = Rounded(exact - given, moneyDecimals);
            lines[new(programme.Fact.Programme, null, paid, at, FlexibilityKind.Availability)] =
                (programme.Fact, programme.Fact.Payee ?? owner, hours,
                    counted != declared.Fact.Available.Milliwatts, amount, new("payment", programme.Fact.Currency,
                    Text(exact), Text(exact), ExplanationRule.Availability,
                    $"{Text(hours)} kW·h × {ExplainedValue.Text(programme.Fact.AvailabilityPerKwHour)}, with all before it",
                    [
                        ExplainedValue.Of(declared.Position, "declared", "", $"{declared.Fact.Available}"),
                        ExplainedValue.Of(programme.Position, "programme", "",
                            $"{programme.Fact.Programme} v{ExplainedValue.Text(programme.Fact.Version)}"),
                        .. TakingPart(programme.Fact.Programme, at, end),
                        .. DeclaredBefore(at),
                    ]));
            given += amount;
            at = end;
        }
    }

    /// <summary>The lines that are due to an account; nobody owes himself.</summary>
    public IEnumerable<FlexibilityKey> DueTo(PartyId payee) => lines.Keys.Where(key =>
        lines[key].Payee == payee && lines[key].Terms.Payer != payee);

    /// <summary>A line as a statement says it, taken apart; what it does not say and is due is said to be
    /// none.</summary>
    /// <param name="currency">Of the statement.</param>
    public ExplainedValue Explain(FlexibilityKey key, FlexibilityLine? line, string currency)
    {
        var due = lines.TryGetValue(key, out var found) && (line is null || line.Payee == found.Payee);
        var here = due && found.Terms.Currency == currency;
        return new($"{(line is null ? "no line" : $"line {ExplainedValue.Text(line.Number)}")}: {key}", currency,
            ExplainedValue.Text(line?.Amount), here ? Text(Fraction.Zero - found.Amount) : ExplainedValue.None,
            ExplanationRule.Availability, line?.Problem ?? (due ? "rounded half away from zero, less what was paid of it "
                + "before, credited" : "nothing is due"),
            [
                new("kW·h", "kW·h", ExplainedValue.Text(line?.Kwh), due ? Text(found.Hours) : ExplainedValue.None,
                    ExplanationRule.Availability, due && found.IsLess
                        ? "declared power, less what counts of it on its way, × hours" : "declared power × hours", []),
                .. due ? [found.Why] : Array.Empty<ExplainedValue>(),
            ]);
    }

    /// <summary>Milliwatts of the point that count there at an instant. Each point in its turn, as they declared, has
    /// what is left to it of its own power, and takes that off all others on its way: one pass for each point, however
    /// many lie behind each other.</summary>
    private BigInteger Counted(Instant at)
    {
        var (turns, left) = (new List<SettlementPointId>(), new Dictionary<SettlementPointId, BigInteger>());
        foreach (var each in point.Beside.Append(point).OrderBy(each => PlaceOf(each, at)))
            if (Paying(each, at) is (var declared, _))
            {
                turns.Add(each.Point);
                left.Add(each.Point, declared.Fact.Available.Milliwatts);
            }
        foreach (var taking in turns.TakeWhile(turn => turn != point.Point))
            if (left[taking] is { Sign: > 0 } counts)
                foreach (var other in turns.Where(other => point.OnOneWay.Contains((other, taking))))
                    left[other] -= counts;
        return BigInteger.Max(0, left[point.Point]);
    }

    private IEnumerable<ReadyPoint> Before(Instant at)
    {
        var place = PlaceOf(point, at);
        return point.Beside.Where(other => point.OnOneWay.Contains((point.Point, other.Point))
            && Paying(other, at) is not null && PlaceOf(other, at) < place);
    }

    private IEnumerable<ExplainedValue> DeclaredBefore(Instant at)
    {
        foreach (var other in Before(at))
        {
            var (declared, programme) = Paying(other, at)!.Value;
            var said = ExplainedValue.Of(
                declared.Position, "declared before on its way", "", $"{declared.Fact.Available}");
            yield return said with { Whose = programme.Fact.Payee ?? other.Owner };
        }
    }

    /// <summary>The position of the first declaration since which a point has declared no more than before.</summary>
    private static long PlaceOf(ReadyPoint of, Instant at)
    {
        var (place, least) = (0L, Power.Zero);
        foreach (var each in of.Declared.Where(each => each.Fact.Period.Contains(at)).OrderBy(each => each.Position))
        {
            if (place == 0 || each.Fact.Available > least) place = each.Position;
            least = each.Fact.Available;
        }
        return place;
    }

    private static (Positioned<AvailabilityDeclared> Declared, Positioned<ProgrammePublished> Programme)? Paying(
        ReadyPoint point, Instant at)
    {
        if (point.Declared.Where(each => each.Fact.Period.Contains(at)).OrderBy(each => each.Position).LastOrDefault()
                is not { } declared
            || point.At(at, declared) is not { Fact: { AvailabilityPerKwHour: not null, Payer: not null } } programme
            || !point.IsOwed(programme.Fact)) return null;
        return point.Enrolments.Enrolments.Any(each => each.Enrolled.Programme == programme.Fact.Programme
                && each.Enrolled.From <= at && (each.To is not { } to || at < to))
            ? (declared, programme) : null;
    }

    /// <summary>By which enrolments the point takes part in a stretch, and what ends them.</summary>
    private IEnumerable<ExplainedValue> TakingPart(ProgrammeId programme, Instant start, Instant end)
    {
        var enrolments = point.Enrolments.Enrolments.Where(each => each.Enrolled.Programme == programme
            && each.Enrolled.From < end && (each.To is not { } to || start < to)).ToList();
        foreach (var fact in point.TakesPart)
            if (fact.Fact is PointEnrolled enrolled && enrolments.Exists(each => each.Enrolled == enrolled))
                yield return ExplainedValue.Of(fact.Position, "enrolled", "", $"{enrolled.Prequalified}");
            else if (fact.Fact is EnrolmentEnded ended && ended.Programme == programme
                && enrolments.Exists(each => each.EndedAt == ended.At))
                yield return ExplainedValue.Of(fact.Position, "enrolment ended", "", $"{ended.At}");
    }

    private Instant NextChange(Instant after)
    {
        var next = Instant.MaxValue;
        void Look(Instant at) => next = at > after && at < next ? at : next;
        foreach (var any in point.Beside.Append(point))
        {
            foreach (var each in any.Declared)
            {
                Look(each.Fact.Period.Start);
                Look(each.Fact.Period.End);
            }
            foreach (var each in any.Programmes) Look(each.Fact.ValidFrom);
            foreach (var at in any.RecordedAt.Values) Look(at);
            foreach (var each in any.Enrolments.Enrolments)
            {
                Look(each.Enrolled.From);
                if (each.To is { } to) Look(to);
            }
        }
        return next;
    }

    private static Fraction Millionths(Fraction hours)
    {
        var scale = BigInteger.Pow(10, FrozenBaselines.KwhDecimals);
        return new((hours * new Fraction(scale, 1)).Round(), scale);
    }

    private static Fraction Rounded(Fraction amount, int decimals)
    {
        var scale = BigInteger.Pow(10, decimals);
        var twice = BigInteger.Abs(amount.Numerator) * scale * 2 + amount.Denominator;
        return new(twice / (amount.Denominator * 2) * amount.Numerator.Sign, scale);
    }

    private static string Text(Fraction value) => ChargedMonth.Text(value);
}
