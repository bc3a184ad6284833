using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal.Pipeline;

/// <summary>Whose the registered points of a station are, and those at which a meter is installed: known where the
/// views are.</summary>
public sealed record KnownOwners(
    Func<StationId, CancellationToken, ValueTask<IReadOnlyCollection<PartyId>>> OfStation,
    Func<string, CancellationToken, ValueTask<IReadOnlyCollection<PartyId>>> OfMeter)
{
    private static readonly IReadOnlyCollection<PartyId> Nobody = [];

    /// <summary>Where nothing is known of anybody: for who reaches everything anyway.</summary>
    public static readonly KnownOwners None = new((_, _) => new(Nobody), (_, _) => new(Nobody));
}

/// <summary>What of somebody's an input is about: all of it must be reached by who hands it in.</summary>
public abstract record Touched
{
    private Touched() { }

    /// <summary>A registered settlement point.</summary>
    public sealed record Point(SettlementPointId Id) : Touched;
    /// <summary>The names of one place, of which those that are registered must be reached.</summary>
    public sealed record Place(IReadOnlyList<SettlementPointId> Names) : Touched;
    /// <summary>A settlement point that is registered by this input, or again.</summary>
    /// <param name="From">From when on: whose it is then, and whoever it is to be later, must be reached.</param>
    public sealed record NewPoint(SettlementPointId Id, PartyId Owner, StationId Station, Instant From) : Touched;
    /// <summary>A meter, which is at no point of anybody else: what it signs would be counted there no more.</summary>
    public sealed record Meter(string Serial) : Touched;
    /// <summary>An account, or a party in whose name something is said.</summary>
    public sealed record Party(PartyId Id) : Touched;
    /// <summary>A person who answers for it: whoever has a role speaks for himself alone.</summary>
    public sealed record Person(string By) : Touched;
    /// <summary>An instruction that aims at a reached point, or was issued in one's own name.</summary>
    public sealed record Instruction(InstructionId Id) : Touched;
    /// <summary>An instruction that was issued in one's own name.</summary>
    public sealed record OwnInstruction(InstructionId Id) : Touched;
    /// <summary>An instruction that is issued by this input, or again: of its name there is none of anybody
    /// else's.</summary>
    public sealed record NewInstruction(InstructionId Id) : Touched;
    /// <summary>What is published by this input, or again: it belongs to the party that published in this stream
    /// first.</summary>
    public sealed record Published(string Stream) : Touched;
    /// <summary>What is published in this stream and used by this input: one's own, or the ledger's, which is
    /// everybody's. Nobody uses beforehand what somebody else may publish later.</summary>
    public sealed record Used(string Stream) : Touched;
    /// <summary>A programme in which something is ordered: one's own, or the ledger's where nobody else pays.</summary>
    public sealed record OrderedIn(ProgrammeId Programme) : Touched;
    /// <summary>A programme in which a point is enrolled: any for who takes part itself, for anybody else one that it
    /// has published or pays for.</summary>
    public sealed record Admitting(ProgrammeId Programme) : Touched;
    /// <summary>An enrolment by which power held ready may be paid: who pays for it records it.</summary>
    public sealed record PaidEnrolment(ProgrammeId Programme) : Touched;
    /// <summary>Power held ready during a time, by an enrolment that who pays for it has recorded.</summary>
    public sealed record PaidReady(ProgrammeId Programme, SettlementPointId At, Interval Period) : Touched;
    /// <summary>A dispute of one's own account.</summary>
    public sealed record Dispute(DisputeId Id) : Touched;
    /// <summary>A dispute that is opened by this input, or again: of its name there is none of anybody
    /// else's.</summary>
    public sealed record NewDispute(DisputeId Id) : Touched;
    /// <summary>What was recorded at a position: of a reading its point, of anything else one's own party.</summary>
    public sealed record Fact(long Position) : Touched;
}

/// <summary>
/// Whether what an input touches is reached. A foreign thing and one that does not exist are answered alike, so that
/// nobody learns by asking.
/// </summary>
public static class Reaching
{
    /// <summary>Why a principal may not hand this in; null where it may.</summary>
    public static async Task<RecordOutcome.Refused?> WhyNotAsync(
        Principal by, IEnumerable<Touched> touched, Recorder recorder, KnownOwners owners, CancellationToken ct)
    {
        foreach (var part in touched)
            if (part is Touched.Person { By: var person })
            {
                if (person != by.Actor)
                    return new(Rejection.NotAuthorised, $"{by.Actor} speaks for nobody else: by must be {by.Actor}");
            }
            else if (await IsReachedAsync(by, part, recorder, owners, ct).ConfigureAwait(false)) continue;
            else if (part is Touched.PaidEnrolment or Touched.PaidReady)
                return new(Rejection.NotAuthorised,
                    "power held ready is paid in this programme: who pays for it, or the ledger's operator, enrols");
            else
                return new(Rejection.NotReached, $"there is no such {NameOf(part)}, or it is not yours");
        return null;
    }

    /// <summary>Whether a settlement point is registered and reached, by whose it is now.</summary>
    public static async Task<bool> CoversAsync(
        Reach reach, SettlementPointId point, Recorder recorder, CancellationToken ct) =>
        (await CoversUntilAsync(reach, point, recorder, ct).ConfigureAwait(false)).IsCovered;

    /// <summary>The same, and when other master data of the point begin to hold, which may say otherwise; null where
    /// none are recorded.</summary>
    public static async Task<(bool IsCovered, Instant? Until)> CoversUntilAsync(
        Reach reach, SettlementPointId point, Recorder recorder, CancellationToken ct)
    {
        var now = recorder.Now;
        var state = await PointAsync(recorder, point, ct).ConfigureAwait(false);
        return (state.HolderAt(now) is { } holder && reach.Covers(holder.Owner, holder.Station),
            state.Standing.FirstOrDefault(version => version.From > now)?.From);
    }

    private static async Task<SettlementPointState> PointAsync(
        Recorder recorder, SettlementPointId point, CancellationToken ct) =>
        (await recorder.LoadAsync(Streams.Point(point), SettlementPointState.Empty, SettlementPoint.Evolve, ct)
            .ConfigureAwait(false)).State;

    private static async Task<bool> IsReachedAsync(
        Principal by, Touched part, Recorder recorder, KnownOwners owners, CancellationToken ct)
    {
        var reach = by.Reach;
        switch (part)
        {
            case Touched.Point point: return await CoversAsync(reach, point.Id, recorder, ct).ConfigureAwait(false);
            case Touched.Place place:
                return await PlaceAsync(reach, place.Names, recorder, ct).ConfigureAwait(false);
            case Touched.NewPoint added:
                if (!reach.Covers(added.Owner, added.Station)) return false;
                // Nobody puts a point of his own behind somebody else's connection.
                if ((await owners.OfStation(added.Station, ct).ConfigureAwait(false))
                    .Any(owner => owner != added.Owner)) return false;
                return (await PointAsync(recorder, added.Id, ct).ConfigureAwait(false)).FromOn(added.From)
                    .All(version => reach.Covers(version.Registered.Owner, version.Registered.Station));
            case Touched.Meter meter:
                return (await owners.OfMeter(meter.Serial, ct).ConfigureAwait(false)).All(owner => owner == by.Party);
            case Touched.Party party: return reach.Covers(party.Id);
            case Touched.Instruction order:
                return await InstructionAsync(by, order.Id, recorder, ofIssuer: reach.OfIssuer, ct)
                    .ConfigureAwait(false);
            case Touched.OwnInstruction order:
                return await InstructionAsync(by, order.Id, recorder, ofIssuer: true, ct).ConfigureAwait(false);
            case Touched.Published published:
                var publisher = await PublisherAsync(recorder, published.Stream, ct).ConfigureAwait(false);
                return publisher is null || publisher == by.Party;
            case Touched.Used used:
                return await PublisherAsync(recorder, used.Stream, ct).ConfigureAwait(false) is { } who
                    && (who == by.Party || who == OwnOf(recorder));
            case Touched.OrderedIn or Touched.Admitting or Touched.PaidEnrolment or Touched.PaidReady:
                return await PaidReach.IsReachedAsync(by, part, recorder, ct).ConfigureAwait(false);
            case Touched.NewInstruction(var added):
                return await OrderAsync(recorder, added, ct).ConfigureAwait(false) is not { } known
                    || reach.Covers(known.IssuedBy);
            case Touched.Dispute(var dispute):
                return await AccountAsync(recorder, dispute, ct).ConfigureAwait(false) is { } disputing
                    && reach.Covers(disputing);
            case Touched.NewDispute(var added):
                return await AccountAsync(recorder, added, ct).ConfigureAwait(false) is not { } of || reach.Covers(of);
            case Touched.Fact fact:
                await foreach (var recorded in recorder.Journal.ReadAllAsync(fact.Position, ct).ConfigureAwait(false))
                    return recorded.Position == fact.Position
                        && (EventCodec.Decode(recorded) is RegisterReadingQuarantined { Register.Point: var held }
                            ? await CoversAsync(reach, held, recorder, ct).ConfigureAwait(false)
                            : recorded.Envelope.Tenant == by.Party);
                return false;
            default: throw new System.Diagnostics.UnreachableException($"{part}");
        }
    }

    private static async Task<bool> PlaceAsync(
        Reach reach, IReadOnlyList<SettlementPointId> names, Recorder recorder, CancellationToken ct)
    {
        var found = false;
        foreach (var name in names)
        {
            if ((await PointAsync(recorder, name, ct).ConfigureAwait(false)).HolderAt(recorder.Now) is not { } holder)
                continue;
            if (!reach.Covers(holder.Owner, holder.Station)) return false;
            found = true;
        }
        return found;
    }

    private static async Task<bool> InstructionAsync(
        Principal by, InstructionId instruction, Recorder recorder, bool ofIssuer, CancellationToken ct)
    {
        if (await OrderAsync(recorder, instruction, ct).ConfigureAwait(false) is not { } order) return false;
        if (by.Reach.Covers(order.IssuedBy)) return true;
        if (ofIssuer) return false;
        foreach (var target in order.Targets)
            if (await CoversAsync(by.Reach, target.Point, recorder, ct).ConfigureAwait(false)) return true;
        return false;
    }

    private static async Task<DispatchInstructed?> OrderAsync(
        Recorder recorder, InstructionId instruction, CancellationToken ct) =>
        (await recorder.LoadAsync(Streams.Instruction(instruction), DispatchState.Empty, Dispatch.Evolve, ct)
            .ConfigureAwait(false)).State.Instructed;

    /// <summary>Whose run a dispute is about; null where there is no such dispute.</summary>
    private static async Task<PartyId?> AccountAsync(Recorder recorder, DisputeId dispute, CancellationToken ct) =>
        (await recorder.LoadAsync(Streams.Dispute(dispute), DisputeState.Empty, Disputes.Evolve, ct)
            .ConfigureAwait(false)).State.Opened?.Account;

    /// <summary>The party in whose name the ledger's own operator acts.</summary>
    internal static PartyId OwnOf(Recorder recorder) => new(recorder.Journal.Ledger.Value);

    internal static async Task<PartyId?> PublisherAsync(Recorder recorder, string stream, CancellationToken ct)
    {
        await foreach (var first in recorder.Journal.ReadStreamAsync(stream, 0, ct).ConfigureAwait(false))
            return first.Envelope.Tenant;
        return null;
    }

    private static string NameOf(Touched part) => part switch
    {
        Touched.Point or Touched.Place or Touched.NewPoint => "settlement point",
        Touched.Party => "party",
        Touched.Meter => "meter",
        Touched.Instruction or Touched.OwnInstruction or Touched.NewInstruction => "instruction",
        Touched.Admitting => "programme",
        Touched.Dispute or Touched.NewDispute => "dispute",
        Touched.Fact => "fact",
        _ => "publication",
    };
}
