using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>
/// The text of corrections and estimates. <c>supersedes</c> is the version that a correction replaces,
/// 1 for the reading as it came; a corrected index is in steps of the last digit of the meter that was in force then.
/// </summary>
internal static class MeterCorrectionText
{
    private const int VersionMax = 1_000_000;

    public static FactInput Reading(InputValue input)
    {
        var fact = input.Fact("point", "direction", "readAt", "supersedes", "indexSteps", "quality", "reason");
        return new FactInput.Of<RegisterReadingCorrected>(new RegisterReadingCorrected(
            MeteringText.RegisterOf(fact), fact.Required("readAt").At(), Version(fact),
            fact.Required("indexSteps").Units(0, long.MinValue, long.MaxValue, "must be a whole number of steps"),
            Quality(fact), Reason(fact.Required("reason")), null));
    }

    public static FactInput Interval(InputValue input)
    {
        var fact = input.Fact("point", "direction", "start", "end", "supersedes", "kwh", "quality", "method", "reason");
        return new FactInput.Of<IntervalReadingCorrected>(new IntervalReadingCorrected(
            MeteringText.RegisterOf(fact), fact.Period(), Version(fact), fact.Required("kwh").KilowattHours(),
            Quality(fact),
            fact.Optional("method")?.Line(Limits.IdentifierLengthMax), Reason(fact.Required("reason")), null));
    }

    public static FactInput Estimate(InputValue input)
    {
        var fact = input.Fact("point", "direction", "start", "end", "kwh", "method", "basis");
        var method = fact.Required("method").Choice<EstimationMethod>();
        return new FactInput.Of<IntervalEstimated>(new IntervalEstimated(
            MeteringText.RegisterOf(fact), fact.Period(), 1, fact.Required("kwh").KilowattHours(),
            Estimation.QualityOf(method), method, Reason(fact.Required("basis")), null));
    }

    private static int Version(InputObject fact) => fact.Required("supersedes").Integer(1, VersionMax) + 1;

    private static ReadingQuality Quality(InputObject fact) => fact.Optional("quality")?.Choice(
        ReadingQuality.Measured, ReadingQuality.Estimated, ReadingQuality.Substituted, ReadingQuality.Suspect,
        ReadingQuality.Missing) ?? ReadingQuality.Measured;

    private static string Reason(InputValue input) => input.Line(Limits.TextLengthMax);
}
