using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Projections;

/// <summary>A fact of the journal as a person would say it.</summary>
/// <param name="Says">What it says, with its own times.</param>
/// <param name="RecordedAt">When the ledger learned it.</param>
/// <param name="Actor">Who recorded it.</param>
public sealed record FactInWords(
    long Position, string WireName, string Says, Instant RecordedAt, string Actor, LedgerEvent Event)
{
    /// <summary>Where it stands.</summary>
    public required string Stream { get; init; }
}

/// <summary>Says facts in words; each is read once.</summary>
internal sealed class FactWords(IJournal journal, CancellationToken ct)
{
    private readonly Dictionary<long, FactInWords> said = [];
    private readonly KnownFacts known = new(journal, long.MaxValue, ct);

    public async Task<FactInWords> OfAsync(long position)
    {
        if (said.TryGetValue(position, out var before)) return before;
        var recorded = await journal.ReadAllAsync(position, ct).FirstAsync(ct).ConfigureAwait(false);
        var fact = EventCodec.Decode(recorded);
        var decimals = RegisterOf(fact) is { } register ? await DecimalsAsync(register.Id, register.At)
            .ConfigureAwait(false) : null;
        return said[position] = new(position, recorded.Envelope.WireName,
            Words(fact, decimals) ?? $"a fact of kind {recorded.Envelope.WireName}",
            recorded.Envelope.RecordedAt, recorded.Envelope.Actor, fact)
        {
            Stream = recorded.Envelope.Stream,
        };
    }

    private static (RegisterId Id, Instant At)? RegisterOf(LedgerEvent fact) => fact switch
    {
        RegisterReadingRecorded reading => (reading.Register, reading.ReadAt),
        RegisterReadingCorrected reading => (reading.Register, reading.ReadAt),
        RegisterReadingQuarantined reading => (reading.Register, reading.ReadAt),
        _ => null,
    };

    private async Task<int?> DecimalsAsync(RegisterId register, Instant at) =>
        (await known.ReadAsync(Streams.Register(register)).ConfigureAwait(false))
            .Where(each => each.From <= at && each.Event is RegisterInstalled).OrderBy(each => each.From)
            .LastOrDefault()?.Event is RegisterInstalled installed ? installed.Decimals : null;

    /// <summary>Null of a kind that is in no amount, whose name says enough.</summary>
    private static string? Words(LedgerEvent fact, int? decimals) => fact switch
    {
        RegisterReadingRecorded f =>
            $"the reading of {Register(f.Register)} at {At(f.ReadAt)}, index {Index(f.IndexSteps, decimals)}",
        RegisterReadingCorrected { Quality: ReadingQuality.Missing } f =>
            $"the withdrawal of the reading of {Register(f.Register)} at {At(f.ReadAt)}: {f.Reason}",
        RegisterReadingCorrected f => $"version {Number(f.Version)} of the reading of {Register(f.Register)} at "
            + $"{At(f.ReadAt)}, index {Index(f.IndexSteps, decimals)}: {f.Reason}",
        RegisterReadingQuarantined f => $"the quarantined reading of {Register(f.Register)} at {At(f.ReadAt)}, index "
            + $"{Index(f.IndexSteps, decimals)}: {f.Detail}",
        IntervalReadingRecorded f => $"the interval reading of {Register(f.Register)}, {Period(f.Period)}, {f.Energy}",
        IntervalReadingCorrected f => $"version {Number(f.Version)} of the interval reading of {Register(f.Register)}, "
            + $"{Period(f.Period)}, {f.Energy}: {f.Reason}",
        IntervalEstimated f => $"version {Number(f.Version)} of the estimate of {Register(f.Register)}, "
            + $"{Period(f.Period)}, {f.Energy}, from {f.Basis}",
        IntervalRecorded f => $"version {Number(f.Version)} of the interval record of {f.Point}, {Period(f.Period)}",
        RegisterInstalled f => $"the installation of meter {f.MeterSerial} as {Register(f.Register)}",
        SettlementPointRegistered f => $"the registration of {f.Point} for {f.Owner}",
        TariffPublished f => $"version {Number(f.Version)} of tariff {f.Tariff}",
        TariffAssigned f => $"the assignment of tariff {f.Tariff} to {f.Account}"
            + (f.Seller is { } seller ? $", sold by {seller}" : ""),
        SettlementRunCompleted f => $"settlement run {f.Run} of {f.Account} on {RowJson.Day(f.Day)}",
        EvidenceRefused f => $"refused evidence from {f.Source}",
        EvidenceKept f => $"evidence kept from {f.Source}",
        DispatchInstructed f => $"instruction {f.Instruction}",
        BaselineFrozen f => $"the frozen baseline of {f.Point} for instruction {f.Instruction}",
        ChargingStateRecorded f => $"what {f.Source} said of {f.Point} at {At(f.At)}: "
            + (f.Connected ? "a vehicle is connected" : "none is connected"),
        ChargeRecorded f => $"charge record {f.Record} of {f.Operator} for {f.Point}, {At(f.Start)} to {At(f.End)}, "
            + $"{f.Energy}, {f.CostWithoutTax.ToString(CultureInfo.InvariantCulture)} {f.Currency} without tax"
            + (f.Credits is { } original ? $", which takes back {original}" : ""),
        AvailabilityDeclared f => $"the availability of {f.Point} for {f.Programme}, {Period(f.Period)}",
        DeliveryClaimed f => $"claim {f.Claim} of {f.Programme}",
        ProgrammePublished f => $"version {Number(f.Version)} of programme {f.Programme}",
        RulePackPublished f => $"version {Number(f.Version)} of rule pack {f.Pack}",
        PointEnrolled f => $"the enrolment of {f.Point} in {f.Programme}",
        EnrolmentEnded f => $"the end of the enrolment of {f.Point} in {f.Programme}",
        _ => null,
    };

    private static string Register(RegisterId register) =>
        $"{register.Point} {(register.Direction == Direction.Import ? "import" : "export")}";

    private static string Period(Interval period) => $"{At(period.Start)} to {At(period.End)}";

    private static string At(Instant at) => InstantPattern.General.Format(at);

    private static string Index(long steps, int? decimals) => decimals is { } places
        ? $"{(steps / Power(places)).ToString($"F{places}", CultureInfo.InvariantCulture)} kWh"
        : $"{Number(steps)} steps";

    private static decimal Power(int exponent)
    {
        var power = 1m;
        for (var i = 0; i < exponent; i++) power *= 10m;
        return power;
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
