using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Api.Resources;

/// <summary>The fact at a position that a request names, for who may read what it says: who handed it in, and who
/// reaches everything. One that is not there and one of somebody else are answered alike.</summary>
internal static class ReachedFact
{
    public static long PositionOf(HttpRequest request) => Asking.Required<long>(
        request, "position", Asking.TryCount, Rejection.OutOfRange, "a position of the journal");

    public static async Task<RecordedEvent> FindAsync(OpenLedger ledger, HttpContext context, long position)
    {
        var reach = context.By().Reach;
        if (position < ledger.Journal.Length)
            await foreach (var recorded in ledger.Journal.ReadAllAsync(position, context.RequestAborted)
                .ConfigureAwait(false))
            {
                if (recorded.Position != position || !reach.CoversHandedInBy(recorded.Envelope.Tenant)) break;
                return recorded;
            }
        throw NotThere(position);
    }

    public static ProblemException NotThere(long position) =>
        new(404, Rejection.OutOfRange, $"there is no event at position {position}");
}
