using System.Diagnostics.Metrics;
using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Ingest;

/// <summary>
/// The instruments of the intake of files and batches; a host exports them, by OpenTelemetry or otherwise. How long a
/// command took and how it ended is counted in the pipeline, by its own instruments.
/// </summary>
public static class IntakeTelemetry
{
    public const string Name = "Ledger.Intake";
    private static readonly Meter Meter = new(Name);

    /// <summary>Samples of batches that were taken, repeats and those of refused points among them.</summary>
    internal static readonly Counter<long> Samples =
        Meter.CreateCounter<long>("ledger.intake.samples", "{sample}");

    /// <summary>Samples that came after the record of their period was final, and restate it.</summary>
    internal static readonly Counter<long> Late = Meter.CreateCounter<long>("ledger.intake.late", "{sample}");

    /// <summary>Parts of inputs that do not count, by the name of the rule (tag <c>code</c>) and by what they are now
    /// (tag <c>standing</c>: refused or quarantined).</summary>
    private static readonly Counter<long> Refused = Meter.CreateCounter<long>("ledger.intake.refused", "{part}");

    internal static void Count(IEnumerable<RecordOutcome> outcomes)
    {
        foreach (var outcome in outcomes)
            if (outcome is RecordOutcome.Refused refused) Add(refused.Code, "refused");
            else if (outcome is RecordOutcome.Unkept { Code: { } code }) Add(code, "refused");
            else if (outcome is RecordOutcome.Conflict) Add(Rejection.EvidenceConflict, "refused");
            else if (outcome is RecordOutcome.Quarantined held) Add(held.Code, "quarantined");

        static void Add(Rejection code, string standing) => Refused.Add(1, new("code", code.ToString()),
            new KeyValuePair<string, object?>("standing", standing));
    }
}
