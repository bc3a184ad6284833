using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>The text that has frames dropped: by a policy, or by a person's order.</summary>
internal static class RetentionText
{
    public static FactInput FrameDropping(InputValue input)
    {
        var fact = input.Fact("retention", "afterDays", "before", "by", "reason");
        return new FactInput.Of<FramesToDrop>(new(fact.Optional("retention") is { } retention
            ? Policy(fact, retention) : Order(fact)));
    }

    private static DropRule.Policy Policy(InputObject fact, InputValue retention)
    {
        foreach (var name in (string[])["before", "by", "reason"])
            if (fact.Optional(name) is { } other)
                throw other.Refused(Rejection.UnknownField, "a policy has retention and afterDays alone");
        return RetentionId.TryParse(retention.Text(), out var id)
            ? new(id, fact.Required("afterDays").Integer(1, FrameRetention.DaysMax))
            : throw retention.Refused(Rejection.InvalidIdentifier,
                $"must be {Identifier.Rule}");
    }

    private static DropRule.Order Order(InputObject fact)
    {
        if (fact.Optional("afterDays") is { } days)
            throw days.Refused(Rejection.UnknownField, "a person's order has before, by and reason alone");
        return new(fact.Required("before").At(), fact.Required("by").Party().Value,
            fact.Required("reason").Line(Limits.TextLengthMax));
    }
}
