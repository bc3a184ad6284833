using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api.Resources;

/// <summary>A settlement point that somebody asks for by its name. One that nobody registered is no point of which
/// nothing is known; and who does not reach a point is told the same of it, in the same words.</summary>
internal static class ReachedPoint
{
    /// <exception cref="NotThereException">It is not registered, or not reached.</exception>
    public static void Demand(Answers answers, SettlementPointId point)
    {
        if (answers.Versions(point).Count == 0)
            throw new NotThereException($"there is no settlement point {point}, or it is not yours");
    }
}
