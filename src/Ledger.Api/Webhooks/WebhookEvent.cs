using System.Buffers;
using System.Text.Json;
using Ledger.Domain;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Api.Webhooks;

/// <summary>
/// Something that a subscriber is told. It names what it is about and says nothing of it: whoever is told asks the
/// interface, with a key of its own, so that a wrong address learns no figure.
/// </summary>
/// <param name="Type">One of <see cref="Types"/>.</param>
/// <param name="Name">Which one of its type it is; the same one is told each subscriber once.</param>
/// <param name="At">When it happened.</param>
/// <param name="Data">What it names, in the order in which it is written.</param>
public sealed record WebhookEvent(
    string Type, string Name, Instant At, IReadOnlyList<(string Name, string Value)> Data)
{
    public const string Issued = "instruction.issued", Withdrawn = "instruction.withdrawn",
        Unacknowledged = "instruction.unacknowledged", Stale = "telemetry.stale",
        ProjectionStopped = "projection.stopped", RunPublished = "run.published",
        VerificationFailed = "verification.failed";

    public static readonly string[] Types =
        [Issued, Withdrawn, Unacknowledged, Stale, ProjectionStopped, RunPublished, VerificationFailed];

    /// <summary>What who is told of events of a type must hold.</summary>
    public static string ScopeOf(string type) => type switch
    {
        Issued or Withdrawn or Unacknowledged or Stale => Scopes.DispatchRead,
        RunPublished => Scopes.SettlementRead,
        // How the ledger stands is for those who keep it and those who audit it.
        ProjectionStopped or VerificationFailed => Scopes.AccessRead,
        _ => throw new System.Diagnostics.UnreachableException(type),
    };

    /// <summary>The body, as Standard Webhooks has it: type, timestamp, data.</summary>
    public byte[] Body()
    {
        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            writer.WriteString("type", Type);
            writer.WriteString("timestamp", InstantPattern.ExtendedIso.Format(At));
            writer.WriteStartObject("data");
            foreach (var (name, value) in Data) writer.WriteString(name, value);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }
        return json.WrittenSpan.ToArray();
    }
}

/// <summary>Who is told what, and where.</summary>
/// <param name="Role">Of whoever subscribed; null: the ledger's own operator.</param>
/// <param name="AfterSeconds">How long an instruction may be unacknowledged, and telemetry be silent.</param>
/// <param name="NeedsKey">Whether it holds only while its holder has a valid key.</param>
/// <param name="FailingSince">Since when nothing could be delivered; null while something could.</param>
/// <param name="Ended">Why nothing is sent any more; null while it is.</param>
public sealed record WebhookSubscription(
    string Webhook, Uri Url, IReadOnlyList<string> Events, int AfterSeconds, string Holder, Role? Role, PartyId Party,
    IReadOnlyList<StationId> Stations, bool NeedsKey, Instant Created, Instant? FailingSince, string? Ended);

/// <summary>One event on its way to one subscriber.</summary>
/// <param name="Delivery">Also the header <c>webhook-id</c>, the same at every attempt.</param>
/// <param name="Standing">waiting, delivered or dead.</param>
/// <param name="Next">When it is tried next, while it waits.</param>
/// <param name="Detail">What became of the last attempt.</param>
public sealed record WebhookDelivery(
    string Delivery, string Webhook, string Type, string Of, Instant Created, int Attempts,
    [property: Choices(WebhookDelivery.Waiting, WebhookDelivery.Delivered, WebhookDelivery.Dead)] string Standing,
    Instant? Next, Instant? Last, int? Status, string? Detail)
{
    public const string Waiting = "waiting", Delivered = "delivered", Dead = "dead";
}
