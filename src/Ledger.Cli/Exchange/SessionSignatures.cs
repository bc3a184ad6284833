using System.Text;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;

namespace Ledger.Cli.Exchange;

/// <summary>
/// The signed meter values at a session's edges as <c>signed_data</c> (module CDRs, SignedData): OCMF, whole and as it
/// came. They name their user, so whoever writes them out is recorded first.
/// </summary>
static class SessionSignatures
{
    /// <summary>Longest signed value that OCPI carries, in characters.</summary>
    const int valueLengthMax = 5000;

    /// <summary>The pieces of evidence that show a session's indices.</summary>
    public static IEnumerable<EvidenceDigest> Evidence(MeteredSession session) =>
        session.Indices.Select(index => index.Evidence).OfType<EvidenceDigest>().Distinct();

    /// <summary>The signed values, null where no index of the session comes from one that can be read here; and of each
    /// that was erased, or is in a month's archive that is not at hand, why it is not among them.</summary>
    public static (JsonObject? Signed, IReadOnlyList<string> Missing) Of(
        MeteredSession session, EvidenceArchive archive)
    {
        var (values, missing) = (new List<(string Nature, string Text)>(), new List<string>());
        foreach (var index in session.Indices)
        {
            if (index.Evidence is not { } digest) continue;
            var (bytes, whyNot) = Read(archive, digest);
            if (whyNot is not null) missing.Add(whyNot);
            if (bytes is null) continue;
            var nature = index.ReadAt <= session.Session.Start + NodaTime.Duration.FromSeconds(
                ChargingSessions.EdgeSecondsMax) ? "Start" : "End";
            values.AddRange(SignedTexts.Of(bytes).Where(text => text.Length <= valueLengthMax)
                .Select(text => (nature, text)));
        }
        // A value that shows both edges, or both directions, stands once.
        var distinct = values.DistinctBy(value => value.Text).ToList();
        return (distinct.Count == 0 ? null : new JsonObject
        {
            ["encoding_method"] = "OCMF",
            ["signed_values"] = new JsonArray([.. distinct.Select(value => (JsonNode)new JsonObject
            {
                ["nature"] = value.Nature,
                ["plain_data"] = Ocmf.PayloadOf(value.Text),
                ["signed_data"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(value.Text)),
            })]),
        }, [.. missing.Distinct()]);
    }

    static (byte[]? Bytes, string? WhyNot) Read(EvidenceArchive archive, EvidenceDigest digest)
    {
        try
        {
            return (archive.Get(digest), null);
        }
        catch (Exception gone) when (gone is EvidenceErasedException or EvidencePrunedException)
        {
            return (null, gone.Message);
        }
    }

    /// <summary>Whom the signed values say to have charged; null where they say nothing.</summary>
    public static string? TokenOf(JsonObject? signed) => signed?["signed_values"]!.AsArray()
        .Select(value => SignedTexts.User((string)value!["plain_data"]!)).FirstOrDefault(user => user is { Length: > 0 });
}
