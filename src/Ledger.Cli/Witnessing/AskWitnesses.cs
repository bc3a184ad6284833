using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Ledger.Journal.Proof;

namespace Ledger.Cli.Witnessing;

/// <summary>What became of asking one witness.</summary>
/// <param name="Cosignature">Its signature, which was verified; null where it does not vouch.</param>
/// <param name="UnixSeconds">The time in it.</param>
/// <param name="Why">Why it does not vouch; null where it does.</param>
/// <param name="IsAlarm">It says to know another history of this log.</param>
internal sealed record WitnessReply(
    PolicyWitness Witness, NoteSignature? Cosignature, long? UnixSeconds, string? Why, bool IsAlarm = false);

/// <summary>
/// Asks the witnesses of a policy to vouch for a checkpoint, c2sp.org/tlog-witness@v1.0.0, all at once. A witness that
/// does not answer keeps nobody waiting longer than <see cref="Patience"/>; what it answers is verified before it
/// counts.
/// </summary>
/// <param name="checkpoints">From which it is guessed how far a witness is.</param>
/// <param name="tiles">Of the tree that the checkpoint signs.</param>
internal sealed class AskWitnesses(CheckpointStore checkpoints, TileContent tiles, CancellationToken ct) : IDisposable
{
    private const int AttemptsMax = 3; // the guess, what the witness says instead, and once more for a race
    private const int AnswerBytesMax = 64 * 1024; // some cosignatures of a few kilobytes at most
    private const int ShownCharactersMax = 200;
    private const int LookedAtMax = 100; // newest checkpoints; where none of them helps, the witness says its size
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20); // for one answer of one witness
    private readonly HttpClient client =
        new(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(5) })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };

    /// <summary>What each witness of the policy says, in the policy's order.</summary>
    public async Task<IReadOnlyList<WitnessReply>> AllAsync(WitnessPolicy policy, SignedNote note) =>
        await Task.WhenAll(policy.Witnesses.Select(witness => OneAsync(witness, note))).ConfigureAwait(false);

    private async Task<WitnessReply> OneAsync(PolicyWitness witness, SignedNote note)
    {
        if (Vouching(note, witness.Key) is { } before)
            return new(witness, before, Time(before), null);
        if (witness.Url is null) return new(witness, null, null, "the policy gives no address of it");
        try
        {
            return await AskAsync(witness, note).ConfigureAwait(false);
        }
        catch (Exception failed) when (failed is HttpRequestException or IOException)
        {
            return new(witness, null, null, $"does not answer: {Shown(failed.Message)}");
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return new(witness, null, null, $"has not answered within {Patience.TotalSeconds} s");
        }
    }

    private async Task<WitnessReply> AskAsync(PolicyWitness witness, SignedNote note)
    {
        var checkpoint = Checkpoint.Parse(note.Text);
        var tree = new TileHashes(checkpoint.Size, tiles);
        var old = LastVouchedFor(witness.Key, checkpoint.Size);
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            var proof = MerkleProof.Consistency(old, checkpoint.Size, tree.At);
            var (status, text) = await PostAsync(witness.Url!, new(old, proof, note)).ConfigureAwait(false);
            if (status == HttpStatusCode.OK) return Vouched(witness, note, text);
            if (status != HttpStatusCode.Conflict || !TrySize(text, out var known) || known == old)
                return new(witness, null, null, $"refuses with {(int)status}: {Shown(text)}",
                    status == HttpStatusCode.UnprocessableEntity);
            if (known > checkpoint.Size)
                return new(witness, null, null,
                    $"has vouched for {known} events of this log, and this checkpoint has {checkpoint.Size}", true);
            old = known;
        }
        return new(witness, null, null, "says another size each time: somebody else sends checkpoints of this log");
    }

    private async Task<(HttpStatusCode Status, string Text)> PostAsync(Uri prefix, AddCheckpointRequest request)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(Patience);
        using var content = new ByteArrayContent(request.ToBytes());
        content.Headers.ContentType = new MediaTypeHeaderValue("text/plain");
        using var message = new HttpRequestMessage(HttpMethod.Post,
            new Uri(prefix.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/add-checkpoint"))
        { Content = content };
        using var response = await client
            .SendAsync(message, HttpCompletionOption.ResponseHeadersRead, patience.Token).ConfigureAwait(false);
        using var stream = await response.Content.ReadAsStreamAsync(patience.Token).ConfigureAwait(false);
        var bytes = await PublishedLog.BoundedAsync(stream, AnswerBytesMax, patience.Token).ConfigureAwait(false)
            ?? throw new IOException($"the answer has more than {AnswerBytesMax} bytes");
        return (response.StatusCode, Encoding.UTF8.GetString(bytes));
    }

    private static WitnessReply Vouched(PolicyWitness witness, SignedNote note, string text)
    {
        try
        {
            var lines = text.TrimEnd('\n').Split('\n').Select(NoteSignature.Parse);
            var answered = note with { Signatures = [.. lines] };
            return Vouching(answered, witness.Key) is { } cosignature
                ? new(witness, cosignature, Time(cosignature), null)
                : new(witness, null, null, $"answers without a signature of {witness.Key.Name}+{witness.Key.Id:x8} "
                    + "that holds");
        }
        catch (NoteRefusedException refused)
        {
            return new(witness, null, null, $"answers something else: {Shown(refused.Message)}");
        }
    }

    /// <summary>The cosignature of a key that holds; null where there is none.</summary>
    private static NoteSignature? Vouching(SignedNote note, VerifierKey witness) => note.Signatures.FirstOrDefault(
        line => line.IsOf(witness) && witness.Verify(note.Text, line.Bytes) && Time(line) > 0);

    private static long? Time(NoteSignature cosignature) =>
        Cosignature.TryRead(cosignature.Bytes, out var unixSeconds, out _) ? unixSeconds : null;

    /// <summary>The size of the newest checkpoint here that bears a witness's cosignature; 0 where none does.</summary>
    private long LastVouchedFor(VerifierKey witness, long sizeMax) => checkpoints.Sizes.Reverse().Take(LookedAtMax)
        .FirstOrDefault(size => size <= sizeMax && Vouching(checkpoints.Read(size), witness) is not null);

    private static bool TrySize(string text, out long size) =>
        long.TryParse(text.TrimEnd('\n'), NumberStyles.None, CultureInfo.InvariantCulture, out size);

    /// <summary>What somebody else says, on one line and not too much of it.</summary>
    private static string Shown(string text) =>
        string.Concat(text.TrimEnd().Select(c => char.IsControl(c) ? ' ' : c).Take(ShownCharactersMax));

    public void Dispose() => client.Dispose();
}
