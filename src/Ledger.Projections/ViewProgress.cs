using System.Diagnostics.Metrics;
using System.Globalization;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>How far the views are behind the journal.</summary>
/// <param name="At">The next position that not every view has applied.</param>
/// <param name="Positions">Events that not every view has applied.</param>
/// <param name="Seconds">Whole seconds since the first of them was recorded; 0 where there is none.</param>
public readonly record struct ViewLag(long At, long Positions, long Seconds);

/// <summary>
/// Watches that the views follow the journal, for health and metrics: <c>ledger.views.lag.positions</c> and
/// <c>ledger.views.lag.seconds</c>.
/// </summary>
public sealed class ViewProgress : IDisposable
{
    public const string MeterName = "Ledger.Views";
    /// <summary>Behind, and no step for so long: something is wrong, whatever it is.</summary>
    public static readonly Duration StalledAfter = Duration.FromSeconds(30);

    private readonly IJournal journal;
    private readonly IViewStore views;
    private readonly IReadOnlyList<IProjection> projections;
    private readonly IClock clock;
    private readonly Meter meter = new(MeterName);
    private readonly Lock gate = new();
    private (long At, Instant Since) lastStep;

    public ViewProgress(IJournal journal, IViewStore views, IReadOnlyList<IProjection> projections, IClock clock)
    {
        (this.journal, this.views, this.projections, this.clock) = (journal, views, projections, clock);
        lastStep = (-1, clock.GetCurrentInstant());
        var ledger = new KeyValuePair<string, object?>("ledger", journal.Ledger.Value);
        meter.CreateObservableGauge("ledger.views.lag.positions",
            () => new Measurement<long>(Look().Positions, ledger), "{position}");
        meter.CreateObservableGauge("ledger.views.lag.seconds",
            () => new Measurement<long>(Look().Seconds, ledger), "s");
    }

    /// <summary>How far the views are behind now.</summary>
    public ViewLag Look()
    {
        var (at, length, now) = (At(), journal.Length, clock.GetCurrentInstant());
        lock (gate)
            if (at != lastStep.At || at == length) lastStep = (at, now);
        if (at >= length) return new(at, 0, 0);
        var waiting = journal.ReadAllAsync(at, CancellationToken.None).ToBlockingEnumerable()
            .Select(stored => now - stored.Envelope.RecordedAt).FirstOrDefault();
        return new(at, length - at, Math.Max(0, waiting.BclCompatibleTicks / NodaConstants.TicksPerSecond));
    }

    /// <summary>What is wrong where the views are behind and take no step, or are ahead of the journal; null where
    /// nothing is. Steps are seen when somebody looks, so what has waited for less than that is no alarm, however long
    /// ago the last look was. Ahead they are for a moment too, where who reads a server's
    /// journal has applied what its owner is just told to be durable.</summary>
    public string? WhyStalled()
    {
        var lag = Look();
        lock (gate)
            return clock.GetCurrentInstant() - lastStep.Since < StalledAfter ? null
                : lag.Positions > 0
                    ? Duration.FromSeconds(lag.Seconds) < StalledAfter ? null
                    : $"the views stand at position {lag.At} and are {lag.Positions} events behind: nothing moves"
                : lag.At > journal.Length
                    ? $"the views stand at position {lag.At} and the journal has {journal.Length} events" : null;
    }

    /// <summary>What is to be said while rows of an earlier program are computed anew, and nothing is read from the
    /// views; null where none are.</summary>
    public string? WhyComputedAnew() => RowVersions.Others(views, projections) is { Count: > 0 } others
        ? string.Create(CultureInfo.InvariantCulture, $"rows of {string.Join(", ", others.Select(view => view.Name))} are "
            + $"computed anew as this program makes them: at position {Look().At} of {journal.Length}")
        : null;

    private long At() => projections.Count == 0 ? journal.Length
        : projections.Min(projection => RowVersions.Applied(views, projection));

    public void Dispose() => meter.Dispose();
}
