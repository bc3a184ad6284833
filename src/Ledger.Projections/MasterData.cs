using System.Text;
using System.Text.Json.Serialization;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Projections;

/// <summary>
/// Settlement points, registers, tariffs, assignments, standing limits and declared standards,
/// each version with when it holds from, and which points an account has ever owned. Two facts for one instant:
/// the later recorded one stands.
/// </summary>
public sealed class MasterData : IProjection
{
    public sealed record PointRow(
        string Point, string Station, SettlementPointKind Kind, string Owner, string Zone, int PeriodMinutes,
        long RatedMilliwatts, bool Bidirectional, Instant ValidFrom,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? GridOperator = null);
    public sealed record RegisterRow(
        string Register, string MeterSerial, int Digits, int Decimals, int Factor, long? ModulusSteps,
        Instant ValidFrom);
    public sealed record TariffRow(
        string Tariff, int Version, string Currency, string Zone, int Rules, int Prices, Instant ValidFrom);
    /// <summary>Which family of rule the pack holds, and whether numbers of it were not read in the rule
    /// itself.</summary>
    public sealed record RulePackRow(
        string Pack, int Version, string Family, bool Provisional, string Source, Instant ValidFrom);
    public sealed record AssignmentRow(
        string Account, string Tariff, Instant ValidFrom,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Seller = null);
    public sealed record StandardRow(
        string Station, string? Point, string Standard, string? Certificate, string? Issuer, Instant ValidFrom,
        Instant? ValidTo);
    /// <summary>One step of an envelope; <c>Daily</c> is a local time HH:mm:ss, and no power is no limit.</summary>
    public sealed record LimitStepRow(Instant? At, string? Daily, long? MostMilliwatts);
    /// <summary>A standing limit as it was recorded; which of several holds, the later recorded one says.</summary>
    public sealed record LimitRow(
        string Point, StandingLimitKind Kind, Direction Direction, long? MostMilliwatts,
        IReadOnlyList<LimitStepRow> Steps,
        string? Zone, Instant ValidFrom, Instant? ValidTo, string Source, long Position);
    public sealed record OwnedRow(string Account, string Point);
    public sealed record MeterClassRow(string MeterSerial, string AccuracyClass, Instant ValidFrom);
    public sealed record MeterKeyRow(string MeterSerial, string PublicKey, Instant ValidFrom);
    public sealed record PlaceRow(string Point, string Parent, Instant ValidFrom);
    public sealed record LossFactorRow(string Point, int PartsPerMillion, long FixedMilliwatts, Instant ValidFrom);

    public string Name => "MasterData";
    public int RowVersion => 1;
    public IReadOnlySet<Type> Handled { get; } = new HashSet<Type>
    {
        typeof(SettlementPointRegistered), typeof(RegisterInstalled), typeof(TariffPublished), typeof(TariffAssigned),
        typeof(StandardDeclared),
        typeof(StandingLimitSet),
        typeof(RulePackPublished),
        typeof(MeterClassDeclared), typeof(MeterKeyRegistered), typeof(PointPlaced), typeof(LossFactorSet),
    };

    public IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact)
    {
        var from = fact.ValidTime.Start;
        var at = RowJson.Key(from);
        return fact.Event switch
        {
            SettlementPointRegistered e =>
            [
                .. Ended(rows, e, from).Select(key => new RowChange(key, null)),
                new($"point|{e.Point}|{at}", new PointRow(
                    e.Point.Value, e.Station.Value, e.Kind, e.Owner.Value, e.Zone, e.PeriodMinutes,
                    e.Rated.Milliwatts, e.Bidirectional, from, e.GridOperator?.Value)),
                new($"owned|{e.Owner}|{e.Point}", new OwnedRow(e.Owner.Value, e.Point.Value)),
            ],
            RegisterInstalled e => [new($"register|{e.Register}|{at}", new RegisterRow(
                e.Register.ToString(), e.MeterSerial, e.Digits, e.Decimals, e.Factor, e.ModulusSteps, from))],
            TariffPublished e => [new($"tariff|{e.Tariff}|{e.Version:D6}", new TariffRow(
                e.Tariff.Value, e.Version, e.Currency, e.Zone, e.Rules.Count, e.Prices.Count, from))],
            RulePackPublished e => [new($"rule-pack|{e.Pack}|{e.Version:D6}", new RulePackRow(
                e.Pack.Value, e.Version, Family(e), e.Provisional, e.Source, from))],
            TariffAssigned e => [new($"assignment|{e.Account}|{at}", new AssignmentRow(
                e.Account.Value, e.Tariff.Value, from, e.Seller?.Value))],
            StandardDeclared e => [new($"standard|{e.Station}|{at}|{e.Point}|{Hex(e.Standard)}", new StandardRow(
                e.Station.Value, e.Point?.Value, e.Standard, e.Certificate, e.Issuer, e.ValidFrom, e.ValidTo))],
            StandingLimitSet e => [new($"limit|{e.Point}|{fact.Position:D19}", new LimitRow(
                e.Point.Value, e.Kind, e.Direction, e.Most?.Milliwatts,
                [.. e.Steps.Select(step => new LimitStepRow(
                    step.At, step.Daily is { } daily
                        ? LocalTimePattern.ExtendedIso.Format(daily) : null, step.Most?.Milliwatts))],
                e.Zone, e.From, e.Until, e.Source, fact.Position))],
            MeterClassDeclared e => [new($"meter-class|{e.MeterSerial}|{at}",
                new MeterClassRow(e.MeterSerial, e.AccuracyClass, from))],
            MeterKeyRegistered e => [new($"meter-key|{e.MeterSerial}|{at}",
                new MeterKeyRow(e.MeterSerial, e.PublicKey, from))],
            PointPlaced e => [new($"place|{e.Point}|{at}", new PlaceRow(e.Point.Value, e.Parent.Value, from))],
            LossFactorSet e => [new($"loss-factor|{e.Point}|{at}", new LossFactorRow(
                e.Point.Value, e.PartsPerMillion, e.FixedLoss.Milliwatts, from))],
            _ => [],
        };
    }

    /// <summary>The versions that end because the point has another owner from an instant on.</summary>
    private static IEnumerable<string> Ended(IRows rows, SettlementPointRegistered registered, Instant from)
    {
        var prefix = $"point|{registered.Point}|";
        var standing = rows.Range<PointRow>(prefix, prefix + "~")
            .Select(row => (row.Value.ValidFrom, new PartyId(row.Value.Owner)));
        return SettlementPoint.EndedBy(standing, from, registered.Owner).Select(end => prefix + RowJson.Key(end));
    }

    // A standard's name may hold any letter, a key only those that sort below its end mark.
    private static string Hex(string text) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text));
    private static string Family(RulePackPublished pack) => pack.Scoring is not null ? "scoring" : "baseline";
}
