using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal.Pipeline;

/// <summary>
/// Late readings that would restate energy whose evidence was pruned: those that come to stand between two readings of
/// which the evidence of one is gone. Both went into amounts that are final, and nobody could look at them again.
/// </summary>
internal sealed class PrunedReadings
{
    private static readonly PrunedReadings None = new(RegisterState.Empty, []);
    private readonly RegisterState register;
    private readonly IReadOnlyList<(Instant ReadAt, bool IsPruned)> known;

    private PrunedReadings(RegisterState register, IReadOnlyList<(Instant ReadAt, bool IsPruned)> known) =>
        (this.register, this.known) = (register, known);

    /// <summary>The readings of a register, where any of the new ones is late and anything was pruned.</summary>
    public static async Task<PrunedReadings> OfAsync(Recorder recorder, RegisterReadings batch, CancellationToken ct)
    {
        if (!recorder.HasPruned) return None;
        var stream = Streams.Register(batch.Register);
        var (state, _) = await recorder.LoadAsync(stream, RegisterState.Empty, Register.Evolve, ct)
            .ConfigureAwait(false);
        if (state.Readings.Count == 0
            || batch.Readings.All(item => item.Reading.ReadAt > state.Readings[^1].ReadAt)) return None;
        var readings = new SortedDictionary<Instant, bool>();
        await foreach (var recorded in recorder.Journal.ReadStreamAsync(stream, 0, ct).ConfigureAwait(false))
            if (EventCodec.Decode(recorded) is RegisterReadingRecorded { Evidence: var evidence } reading)
                readings[reading.ReadAt] = evidence is { } digest && recorder.IsPruned(digest);
        return new(state, [.. readings.Select(reading => (reading.Key, reading.Value))]);
    }

    /// <summary>The register's own decision, unless it accepts what would restate such energy.</summary>
    public Decision Guard(RegisterReadingInput reading, Decision decision)
    {
        if (decision is not Decision.Accepted) return decision;
        var after = 0;
        while (after < known.Count && known[after].ReadAt < reading.ReadAt) after++;
        var meter = register.InForce(reading.ReadAt);
        bool OfMeter(int place) =>
            place >= 0 && place < known.Count && register.InForce(known[place].ReadAt) == meter;
        return OfMeter(after) && (known[after].IsPruned || (OfMeter(after - 1) && known[after - 1].IsPruned))
            ? new Decision.Rejected(Rejection.EvidencePruned, $"{reading.Register}: the energy around {reading.ReadAt} "
                + "stays as it is, because evidence of the reading before or after was pruned")
            : decision;
    }
}
