using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Ingest;

/// <summary>That a person releases what was refused or quarantined at a position.</summary>
public sealed record RefusalToRelease(long Position, string By, string Reason)
{
    /// <summary>A reason's characters: with who gave it, it still is a text of a correction.</summary>
    public const int ReasonLengthMax = Limits.TextLengthMax - Limits.IdentifierLengthMax - 20;

    /// <summary>The same as its own text, for whoever releases and does not post.</summary>
    public static Submission Text(long position, string by, string reason) => new(Encoding.UTF8.GetBytes(new JsonObject
    {
        ["position"] = position.ToString(CultureInfo.InvariantCulture),
        ["by"] = by,
        ["reason"] = reason,
    }.ToJsonString()), "release");
}

/// <summary>The text of a release.</summary>
internal static class RefusalText
{
    public static FactInput Release(InputValue input)
    {
        var fact = input.Fact("position", "by", "reason");
        return new FactInput.Of<RefusalToRelease>(new(
            fact.Required("position").Units(0, 0, long.MaxValue, "must be a position of the journal"),
            fact.Required("by").Party().Value, fact.Required("reason").Line(RefusalToRelease.ReasonLengthMax)));
    }
}
