using System.Reflection;
using System.Runtime.CompilerServices;
using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>
/// The states that were folded last, so that a stream with years of facts is not folded from its beginning for each new
/// one. It holds only what was decoded from the journal, and is never asked whether a stream has grown: who finds a
/// state here reads on from its revision, and the expected revision of the append guards the rest. States are immutable
/// values, because all writers of a stream share them.
/// </summary>
/// <param name="streamsMax">Most states kept.</param>
/// <param name="eventsMax">Most events folded into all states together.</param>
public sealed class RecentStates(
    int streamsMax = RecentStates.StreamsMax, long eventsMax = RecentStates.EventsMax)
{
    /// <summary>States, not streams in use: two registers at each of 2,048 points.</summary>
    public const int StreamsMax = 4_096;

    /// <summary>
    /// A state grows with its events: a register's holds 64 bytes of each reading, and that of interval readings 280
    /// (measured), so these are 64 MB of readings, or 280 MB at worst.
    /// </summary>
    public const long EventsMax = 1_000_000;

    /// <summary>What a state depends on besides the events: two folds of one stream are two states.</summary>
    private readonly record struct Fold(string Stream, MethodInfo Evolve, object? Initial);

    private sealed record Folded(Fold Fold, object? State, long Revision)
    {
        /// <summary>Revisions are gap-free from 0.</summary>
        public long Events => Revision + 1;
    }

    private readonly Lock gate = new();
    private readonly Dictionary<Fold, LinkedListNode<Folded>> known = [];
    private readonly LinkedList<Folded> latestFirst = [];
    private long events;

    /// <summary>The latest state that was kept of this fold, and the revision up to which it was folded.</summary>
    public (TState State, long Revision)? Find<TState>(
        string stream, TState initial, Func<TState, LedgerEvent, TState> evolve) =>
        Find(stream, initial, (Delegate)evolve);

    /// <summary>The same of any fold of events.</summary>
    internal (TState State, long Revision)? Find<TState>(string stream, TState initial, Delegate evolve)
    {
        if (!IsKnownByItsMethod(evolve)) return null;
        lock (gate)
        {
            if (!known.TryGetValue(new(stream, evolve.Method, initial), out var node)) return null;
            latestFirst.Remove(node);
            latestFirst.AddFirst(node);
            return ((TState)node.Value.State!, node.Value.Revision);
        }
    }

    /// <summary>Keeps a state unless a newer one is known; what was not asked for longest goes.</summary>
    public void Keep<TState>(
        string stream, TState initial, Func<TState, LedgerEvent, TState> evolve, TState state, long revision) =>
        Keep(stream, initial, (Delegate)evolve, state, revision);

    /// <summary>The same of any fold of events.</summary>
    internal void Keep<TState>(string stream, TState initial, Delegate evolve, TState state, long revision)
    {
        var folded = new Folded(new(stream, evolve.Method, initial), state, revision);
        if (folded.Events > eventsMax || !IsKnownByItsMethod(evolve)) return;
        lock (gate)
        {
            if (known.TryGetValue(folded.Fold, out var before))
            {
                // A slow reader comes with what was the latest when it began to read.
                if (before.Value.Revision >= revision) return;
                Forget(before);
            }
            known[folded.Fold] = latestFirst.AddFirst(folded);
            events += folded.Events;
            while (known.Count > streamsMax || events > eventsMax) Forget(latestFirst.Last!);
        }
    }

    private void Forget(LinkedListNode<Folded> node)
    {
        known.Remove(node.Value.Fold);
        latestFirst.Remove(node);
        events -= node.Value.Events;
    }

    /// <summary>
    /// Whether the method alone says what the fold does. A lambda that captures nothing has the compiler's closure
    /// without fields for a target; any other target may hold something that the next call has differently.
    /// </summary>
    private static bool IsKnownByItsMethod(Delegate evolve) =>
        evolve.HasSingleTarget && (evolve.Target is null || HoldsNothing(evolve.Target.GetType()));

    private static bool HoldsNothing(Type closure) =>
        closure.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false)
        && closure.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).Length == 0;
}
