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
    private readonly Dictionary<FlexibilityKey, (ProgrammePublished Terms, PartyId Payee, Fraction Hours,
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
            if (Paying(at) is not (var declared, var programme))
            {
                at = end;
                continue;
            }
            // As long as the same declaration stands and the same version pays, it is one stretch.
            while (end < day.End && Paying(end) is (var still, var version) && still.Position == declared.Position
                && version.Position == programme.Position) end = Instant.Min(NextChange(end), day.End);
            var hours = Millionths(new Fraction((BigInteger)declared.Fact.Available.Milliwatts
                * (end - at).ToInt64Nanoseconds(), (BigInteger)NodaConstants.NanosecondsPerHour * 1_000_000));
            exact += hours * Fraction.Of(programme.Fact.AvailabilityPerKwHour!.Value);
            var amount = Rounded(exact - given, moneyDecimals);
            lines[new(programme.Fact.Programme, null, paid, at, FlexibilityKind.Availability)] =
                (programme.Fact, programme.Fact.Payee ?? owner, hours, amount, new("payment", programme.Fact.Currency,
                    Text(exact), Text(exact), ExplanationRule.Availability,
                    $"{Text(hours)} kW·h × {ExplainedValue.Text(programme.Fact.AvailabilityPerKwHour)}, with all before it",
                    [
                        ExplainedValue.Of(declared.Position, "declared", "", $"{declared.Fact.Available}"),
                        ExplainedValue.Of(programme.Position, "programme", "",
                            $"{programme.Fact.Programme} v{ExplainedValue.Text(programme.Fact.Version)}"),
                        .. TakingPart(programme.Fact.Programme, at, end),
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
                    ExplanationRule.Availability, "declared power × hours", []),
                .. due ? [found.Why] : Array.Empty<ExplainedValue>(),
            ]);
    }

    private (Positioned<AvailabilityDeclared> Declared, Positioned<ProgrammePublished> Programme)? Paying(Instant at)
    {
        if (point.Declared.Where(each => each.Fact.Period.Contains(at)).OrderBy(each => each.Position).LastOrDefault()
                is not { } declared
            || point.At(at, declared) is not { Fact: { AvailabilityPerKwHour: not null, Payer: not null } } programme)
            return null;
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
        foreach (var each in point.Declared)
        {
            Look(each.Fact.Period.Start);
            Look(each.Fact.Period.End);
        }
        foreach (var each in point.Programmes) Look(each.Fact.ValidFrom);
        foreach (var at in point.RecordedAt.Values) Look(at);
        foreach (var each in point.Enrolments.Enrolments)
        {
            Look(each.Enrolled.From);
            if (each.To is { } to) Look(to);
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
