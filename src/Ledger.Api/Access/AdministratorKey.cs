using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;

namespace Ledger.Api.Access;

/// <summary>The key with which access begins: of an administrator, who gives the others theirs.</summary>
public static class AdministratorKey
{
    /// <summary>Long enough to give others their keys; then it ends by itself.</summary>
    private static readonly Duration Life = Duration.FromDays(30);

    public static async Task<bool> IsAnyKnownAsync(OpenLedger ledger, CancellationToken ct) =>
        !(await ledger.Recorder.LoadAsync(Streams.AccessKeys, AccessKeysState.Empty, AccessKeys.Evolve, ct)
            .ConfigureAwait(false)).State.Known.IsEmpty;

    /// <summary>Makes and records the key; null where the ledger has given one to anybody before.</summary>
    public static async Task<AccessKeyText?> CreateFirstAsync(OpenLedger ledger, CancellationToken ct)
    {
        if (await IsAnyKnownAsync(ledger, ct).ConfigureAwait(false)) return null;
        var key = AccessKeyText.Create();
        var issued = new AccessKeyIssued(key.Key, key.Digest, "administrator", Role.Administrator,
            new(ledger.Journal.Ledger.Value), [], ledger.Clock.GetCurrentInstant() + Life);
        var outcome = await ledger.Commands.Send(new Command<AccessKeyIssued>(issued,
            new Submission(EventCodec.Encode(issued).Payload, "first key"), ledger.Operator("serve"),
            new($" first key {key.Key}")), ct).ConfigureAwait(false);
        return outcome is RecordOutcome.Recorded ? key
            : throw new InvalidOperationException($"the first key was not recorded: {outcome}");
    }
}
