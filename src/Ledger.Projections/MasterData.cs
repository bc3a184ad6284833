using Ledger.Domain;

namespace Ledger.Projections;

/// <summary>Settlement points, registers, tariffs and assignments as last recorded, for reading by people.</summary>
public sealed class MasterData : IProjection
{
    public sealed record PointRow(
        string Point, string Station, SettlementPointKind Kind, string Owner, string Zone, int PeriodMinutes,
        long RatedMilliwatts, bool Bidirectional);
    public sealed record RegisterRow(
        string Register, string MeterSerial, int Digits, int Decimals, int Factor, long? ModulusSteps);
    public sealed record TariffRow(string Tariff, int Version, string Currency, string Zone, int Rules, int Prices);
    public sealed record AssignmentRow(string Account, string Tariff);

    public string Name => "MasterData";
    public IReadOnlySet<Type> Handled { get; } = new HashSet<Type>
    {
        typeof(SettlementPointRegistered), typeof(RegisterInstalled), typeof(TariffPublished), typeof(TariffAssigned),
    };
    public IReadOnlySet<Type> Ignored { get; } = new HashSet<Type>
    {
        typeof(RegisterReadingRecorded), typeof(RegisterReadingQuarantined), typeof(IntervalReadingRecorded),
        typeof(IntervalRecorded), typeof(DispatchInstructed), typeof(InstructionClockRecorded),
        typeof(InstructionWithdrawn), typeof(ChargingFactRecorded), typeof(ReasonClaimed),
        typeof(SettlementRunCompleted), typeof(EvidenceRefused), typeof(EvidenceKept),
        typeof(ClockSteppedBack), typeof(JournalRecovered),
    };

    public IReadOnlyList<RowChange> Apply(IRows rows, LedgerEvent happened, long position) => happened switch
    {
        SettlementPointRegistered e => [new($"point|{e.Point}", RowJson.Write(new PointRow(
            e.Point.Value, e.Station.Value, e.Kind, e.Owner.Value, e.Zone, e.PeriodMinutes,
            e.Rated.Milliwatts, e.Bidirectional)))],
        RegisterInstalled e => [new($"register|{e.Register}", RowJson.Write(new RegisterRow(
            e.Register.ToString(), e.MeterSerial, e.Digits, e.Decimals, e.Factor, e.ModulusSteps)))],
        TariffPublished e => [new($"tariff|{e.Tariff}|{e.Version:D6}", RowJson.Write(new TariffRow(
            e.Tariff.Value, e.Version, e.Currency, e.Zone, e.Rules.Count, e.Prices.Count)))],
        TariffAssigned e => [new($"assignment|{e.Account}", RowJson.Write(new AssignmentRow(
            e.Account.Value, e.Tariff.Value)))],
        _ => [],
    };
}
