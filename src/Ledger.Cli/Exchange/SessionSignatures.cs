using System.Text;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;

namespace Ledger.Cli.Exchange;

/// <summary>
/// The signed meter values of a session as <c>signed_data</c> (module CDRs, SignedData), OCMF, whole and as it came,
/// and whom they name; so whoever writes them out is recorded first. An index that proves a stay may be another
/// driver's: the last before the arrival is mostly the end of who stood there before. So only a value of which a
/// reading was taken inside the stay, by the meter that counted it, is the stay's own.
/// </summary>
/// <param name="Values">Null where there is none.</param>
/// <param name="Token">Whom they say to have charged; null where they name nobody, or more than one.</param>
/// <param name="Missing">Of each index whose value is not among them, why.</param>
/// <param name="NoToken">Why nobody is named who could be; null where nothing stands against it.</param>
sealed record SessionSignatures(
    JsonObject? Values, string? Token, IReadOnlyList<string> Missing, string? NoToken)
{
    /// <summary>Longest signed value that OCPI carries, in characters.</summary>
    const int valueLengthMax = 5000;

    /// <summary>The pieces of evidence that show a session's indices.</summary>
    public static IEnumerable<EvidenceDigest> Evidence(MeteredSession session) =>
        session.Indices.Select(index => index.Evidence).OfType<EvidenceDigest>().Distinct();

    /// <param name="archive">What of it was erased, or is in a month's archive that is not at hand, is missing.</param>
    public static SessionSignatures Of(MeteredSession session, EvidenceArchive archive)
    {
        var (values, missing) = (new List<(string Nature, string Text)>(), new List<string>());
        foreach (var index in session.Indices)
        {
            if (index.Evidence is not { } digest) continue;
            var (bytes, whyNot) = Read(archive, digest);
            if (whyNot is not null) missing.Add(whyNot);
            if (bytes is null) continue;
            var texts = SignedTexts.Of(bytes);
            var own = texts.Where(text => IsOf(session.Session, index, text)).ToList();
            if (texts.Count > 0 && !own.Exists(text => SignedTexts.ReadAt(text).Contains(index.ReadAt)))
                missing.Add($"the index of {index.ReadAt} is in none of which a reading was taken inside the stay, so it "
                    + "may be another driver's");
            values.AddRange(own.Where(text => text.Length <= valueLengthMax)
                .Select(text => (Nature(session, text), text)));
        }
        // A value that shows both edges, or both directions, stands once.
        var distinct = values.DistinctBy(value => value.Text).ToList();
        var users = distinct.Select(value => SignedTexts.User(Ocmf.PayloadOf(value.Text)))
            .Where(user => user is { Length: > 0 }).Distinct().ToList();
        return new(distinct.Count == 0 ? null : new JsonObject
        {
            ["encoding_method"] = "OCMF",
            ["signed_values"] = new JsonArray([.. distinct.Select(value => (JsonNode)new JsonObject
            {
                ["nature"] = value.Nature,
                ["plain_data"] = Ocmf.PayloadOf(value.Text),
                ["signed_data"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(value.Text)),
            })]),
        }, users is [var only] ? only : null, [.. missing.Distinct()],
            users.Count > 1 ? $"its signed values name {users.Count} users" : null);
    }

    static bool IsOf(ChargingSession stay, SessionIndex index, string text) =>
        SignedTexts.Serial(text) == index.MeterSerial
        && SignedTexts.ReadAt(text).Any(at => at > stay.Start && at < stay.End);

    /// <summary>By the indices that it shows, of which the first and the last of a direction follow each other.
    /// </summary>
    static string Nature(MeteredSession session, string text)
    {
        var shown = SignedTexts.ReadAt(text);
        return Shows(0) ? "Start" : Shows(1) ? "End" : "Intermediate";

        bool Shows(int edge) => session.Indices.Where((_, i) => i % 2 == edge)
            .Any(index => shown.Contains(index.ReadAt));
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
}
