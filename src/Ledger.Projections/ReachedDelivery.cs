namespace Ledger.Projections;

/// <summary>
/// What of a delivery somebody may see: of whose part of an instruction. What several are paid together is left out
/// where not all of them are the reader's, because it says what the others delivered.
/// </summary>
public static class ReachedDelivery
{
    /// <param name="seen">The instruction as its reader sees it.</param>
    public static Delivered Of(Delivered found, InstructionAnswer seen)
    {
        var own = seen.Targets.Select(target => target.Point).ToHashSet(StringComparer.Ordinal);
        if (found.Order.Targets.All(target => own.Contains(target.Point.Value))) return found;
        return found with
        {
            Order = found.Order with
            {
                Targets = [.. found.Order.Targets.Where(target => own.Contains(target.Point.Value))],
                Activation = found.Order.Activation is { } activation
                    ? activation
                        with
                    { Offers = [.. activation.Offers.Where(offer => own.Contains(offer.Point.Value))] }
                    : null,
            },
            Baselines = [.. found.Baselines.Where(frozen => own.Contains(frozen.Point.Value))],
            Periods = [.. found.Periods.Where(period => own.Contains(period.Point.Value))],
            TakesPart = [.. found.TakesPart.Where(each => own.Contains(each.Point.Value))],
            Behind = [.. found.Behind.Where(each => own.Contains(each.Point.Value) && own.Contains(each.Before.Value))],
            Held = [.. found.Held.Where(part => own.Contains(part.Point.Value))],
            Shares = [.. found.Shares.Where(share => share.Points.All(point => own.Contains(point.Value)))],
        };
    }
}
