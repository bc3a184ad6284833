using System.Globalization;
using System.Text.Json.Serialization;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// Programmes by version, who takes part in them with how much, what was declared to be ready, what is planned at each
/// point and when it was out of service, and what was claimed, held and lost of its energy.
/// </summary>
public sealed class ProgrammesView : IProjection
{
    public sealed record ProgrammeRow(
        string Programme, int Version, Instant ValidFrom, ServiceKind Service, string BaselinePack, string ScoringPack,
        long NoticeMs, long RampMs, int TolerancePermille, PaymentLevel PaidPer, int Precedence,
        IReadOnlyList<string> SharesWith, string Currency, decimal PricePerKwh,
        // Left out where there is none, so that rows of an earlier program are the same bytes.
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? ActivationPermilleMin,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] RedistributionWeight? Redistribution,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Payer = null,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Payee = null,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] decimal? AvailabilityPerKwHour = null);
    public sealed record EnrolmentRow(
        string Programme, string Point, long PrequalifiedMilliwatts, Instant From, Instant? To, string? EndReason);
    public sealed record AvailabilityRow(
        string Programme, string Point, Instant Start, Instant End, Instant DeclaredAt, long AvailableMilliwatts);
    /// <summary>A declared schedule, its energies in order of their periods.</summary>
    public sealed record ScheduleRow(
        string Point, Instant Start, int PeriodMinutes, IReadOnlyList<Energy> Energies, Instant DeclaredAt,
        string DeclaredBy);
    public sealed record SessionRow(
        string Point, Instant Arrival, Instant Departure, Energy Requested, long? VehicleMaxMilliwatts,
        Instant RequestedAt, string Source);
    public sealed record OutageRow(string Point, Instant Start, Instant End, string Source);
    /// <summary>A stretch that a claim lost, and to which; null where that is not for who asks.</summary>
    public sealed record LossRow(string? By, string? ByProgramme, Instant Start, Instant End, Energy Energy);
    /// <summary>One claim; <c>Held</c> is what it has left of what it claimed.</summary>
    public sealed record ClaimRow(
        string Claim, string Programme, string Point, Direction Direction, Instant Start, Instant End, Energy Claimed,
        Energy Held, string ClaimedBy, int ProgrammeVersion, int Precedence, IReadOnlyList<string> SharesWith,
        IReadOnlyList<LossRow> Lost)
    {
        [WrittenAfter(nameof(Held))]
        public string ClaimedKwh => Claimed.ToKwh();
        [WrittenAfter(nameof(ClaimedKwh))]
        public string HeldKwh => Held.ToKwh();

        /// <summary>For who need not know to whom it lost.</summary>
        public ClaimRow WithoutRivals() => this with
        {
            Lost = [.. Lost.Select(loss => loss with { By = null, ByProgramme = null })],
        };
    }

    public string Name => "Programmes";
    public int RowVersion => 1;
    public IReadOnlySet<Type> Handled { get; } = new HashSet<Type>
    {
        typeof(ProgrammePublished), typeof(PointEnrolled), typeof(EnrolmentEnded), typeof(AvailabilityDeclared),
        typeof(DeliveryClaimed), typeof(ClaimDisplaced), typeof(ScheduleDeclared), typeof(SessionRequested),
        typeof(OutageRecorded),
    };

    public IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact) => fact.Event switch
    {
        ProgrammePublished e => [new(
            $"programme|{e.Programme}|{e.Version.ToString("D10", CultureInfo.InvariantCulture)}", new ProgrammeRow(
                e.Programme.Value, e.Version, e.ValidFrom, e.Service, e.BaselinePack.Value, e.ScoringPack.Value,
                e.NoticeMs, e.RampMs, e.TolerancePermille, e.PaidPer, e.Precedence, Names(e.SharesWith), e.Currency,
                e.PricePerKwh, e.ActivationPermilleMin, e.Redistribution, e.Payer?.Value, e.Payee?.Value,
                e.AvailabilityPerKwHour))],
        PointEnrolled e => [new($"{EnrolmentsOf(e.Point, e.Programme)}{RowJson.Key(e.From)}", new EnrolmentRow(
            e.Programme.Value, e.Point.Value, e.Prequalified.Milliwatts, e.From, e.To, null))],
        EnrolmentEnded e => End(rows, e),
        AvailabilityDeclared e => [new(
            $"availability|{e.Point}|{e.Programme}|{RowJson.Key(e.Period.Start)}|{RowJson.Key(e.Period.End)}",
            new AvailabilityRow(
                e.Programme.Value, e.Point.Value, e.Period.Start, e.Period.End, e.DeclaredAt, e.Available.Milliwatts))],
        DeliveryClaimed e => [new($"claim|{e.Point}|{e.Claim}", new ClaimRow(
            e.Claim.Value, e.Programme.Value, e.Point.Value, e.Direction, e.Period.Start, e.Period.End, e.Energy,
            e.Energy,
            e.ClaimedBy.Value, e.ProgrammeVersion, e.Precedence,
            Names(e.SharesWith), []))],
        ClaimDisplaced e => [Displace(rows, e)],
        ScheduleDeclared e => [new(
            $"schedule|{e.Point}|{RowJson.Key(e.Start)}|{RowJson.Key(e.DeclaredAt)}", new ScheduleRow(
                e.Point.Value, e.Start, e.PeriodMinutes, e.Energies, e.DeclaredAt, e.DeclaredBy.Value))],
        SessionRequested e => [new(
            $"session|{e.Point}|{RowJson.Key(e.Arrival)}|{RowJson.Key(e.RequestedAt)}|{fact.Position:D19}",
            new SessionRow(e.Point.Value, e.Arrival, e.Departure, e.Requested, e.VehicleMax?.Milliwatts, e.RequestedAt,
                e.Source))],
        OutageRecorded e => [new($"outage|{e.Point}|{RowJson.Key(e.Period.Start)}|{fact.Position:D19}", new OutageRow(
            e.Point.Value, e.Period.Start, e.Period.End, e.Source))],
        _ => [],
    };

    // An enrolment that the end falls into; its decision found one.
    private static RowChange[] End(IRows rows, EnrolmentEnded e)
    {
        var prefix = EnrolmentsOf(e.Point, e.Programme);
        return [.. rows.Range<EnrolmentRow>(prefix, prefix + RowJson.Key(e.At))
            .Where(row => row.Value.From < e.At && (row.Value.To is not { } to || e.At < to))
            .Select(row => new RowChange(row.Key, row.Value with { To = e.At, EndReason = e.Reason }))];
    }

    private static RowChange Displace(IRows rows, ClaimDisplaced e)
    {
        var key = $"claim|{e.Point}|{e.Claim}";
        var row = rows.Get<ClaimRow>(key) ?? throw new InvalidOperationException($"no claim {e.Claim} on {e.Point}");
        return new(key, row with
        {
            Held = row.Held - e.Energy,
            Lost = [.. row.Lost, new(e.By.Value, e.ByProgramme.Value, e.Period.Start, e.Period.End, e.Energy)],
        });
    }

    private static string EnrolmentsOf(SettlementPointId point, ProgrammeId programme) =>
        $"enrolment|{point}|{programme}|";

    private static string[] Names(IEnumerable<ProgrammeId> programmes) =>
        [.. programmes.Select(programme => programme.Value)];
}
