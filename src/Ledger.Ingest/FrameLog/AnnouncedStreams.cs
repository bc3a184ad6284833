using Ledger.Domain;

namespace Ledger.Ingest.Frames;

/// <summary>
/// How many streams are announced in the sessions that go on. Every segment of a log repeats them, so they are bounded,
/// in all and of one party: many sessions may each announce very many. Who finds no room waits, as for a full log.
/// </summary>
internal sealed class AnnouncedStreams
{
    private readonly Dictionary<PartyId, int> byParty = [];
    private int all;

    /// <summary>Whether so many more may be announced by a sender; where nobody was asked who he is, only the number of
    /// all is bounded.</summary>
    public bool HasRoomFor(int more, FrameSender? sender) => more == 0
        || (all + more <= Limits.StreamsAnnouncedMax
            && (sender is null || byParty.GetValueOrDefault(sender.Party) + more <= Limits.StreamsPerPartyMax));

    /// <summary>So many more are announced, or less where a session has ended.</summary>
    public void Add(int more, FrameSender? sender)
    {
        all += more;
        if (more == 0 || sender is null) return;
        if ((byParty[sender.Party] = byParty.GetValueOrDefault(sender.Party) + more) == 0) byParty.Remove(sender.Party);
    }
}
