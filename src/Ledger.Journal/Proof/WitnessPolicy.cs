using System.Globalization;
using System.Text;

namespace Ledger.Journal.Proof;

/// <summary>A witness that a policy names.</summary>
/// <param name="Name">How groups and the quorum call it; it means nothing outside the policy.</param>
/// <param name="Url">Its submission prefix; null where nobody needs to ask it.</param>
public sealed record PolicyWitness(string Name, VerifierKey Key, Uri? Url);

/// <summary>
/// Whose word is needed for a checkpoint, c2sp.org/tlog-policy: lines <c>log VKEY [URL]</c>,
/// <c>witness NAME VKEY [URL]</c>, <c>group NAME all|any|K NAME…</c>, and one <c>quorum NAME|none</c>. A name is
/// defined before it is used and is a member of at most one group; one public key has one line. A log's key is no
/// witness's: who vouches for itself adds nothing. The file is UTF-8.
/// </summary>
public sealed class WitnessPolicy
{
    // The document asks that 32 of each are read.
    private const int BytesMax = 64 * 1024, LinesOfAKindMax = 64;
    private const string None = "none";
    private readonly List<VerifierKey> logs = [];
    private readonly List<PolicyWitness> witnesses = [];
    private readonly Dictionary<string, (int Needed, string[] Members)> groups = new(StringComparer.Ordinal);
    private readonly HashSet<string> members = new(StringComparer.Ordinal);

    private WitnessPolicy() { }

    /// <summary>The logs whose checkpoints are accepted; none where they are known otherwise.</summary>
    public IReadOnlyList<VerifierKey> Logs => logs;
    public IReadOnlyList<PolicyWitness> Witnesses => witnesses;

    /// <summary>The witness or group that has to vouch; <c>none</c> where nobody has to.</summary>
    public string Quorum { get; private set; } = "";

    /// <summary>The keys of all its logs and witnesses.</summary>
    public IReadOnlyList<VerifierKey> Keys => [.. logs, .. witnesses.Select(witness => witness.Key)];

    /// <summary>Whether these keys, together, are the quorum.</summary>
    public bool IsSatisfiedBy(IReadOnlyCollection<VerifierKey> vouching) => Quorum == None || Vouches(Quorum, vouching);

    private bool Vouches(string name, IReadOnlyCollection<VerifierKey> vouching) =>
        groups.TryGetValue(name, out var group)
            ? group.Members.Count(member => Vouches(member, vouching)) >= group.Needed
            : vouching.Any(witnesses.First(witness => witness.Name == name).Key.IsSameKeyAs);

    /// <summary>Reads a policy; throws <see cref="NoteRefusedException"/> that names the line and the rule it
    /// breaks.</summary>
    public static WitnessPolicy Parse(ReadOnlySpan<byte> file)
    {
        if (file.Length > BytesMax) throw new NoteRefusedException($"a policy has at most {BytesMax} bytes");
        string text;
        try
        {
            text = JournalBytes.Utf8.GetString(file);
        }
        catch (DecoderFallbackException)
        {
            throw new NoteRefusedException("the policy is not UTF-8");
        }
        var policy = new WitnessPolicy();
        var lines = text.Split('\n');
        for (var i = 0; i < lines.Length; i++)
            try
            {
                policy.Read(lines[i]);
            }
            catch (NoteRefusedException refused)
            {
                throw new NoteRefusedException(
                    $"line {(i + 1).ToString(CultureInfo.InvariantCulture)}: {refused.Message}");
            }
        return policy.Quorum.Length > 0 ? policy : throw new NoteRefusedException("the policy has no quorum line");
    }

    private void Read(string line)
    {
        if (line.Any(c => char.IsControl(c) && c != '\t' && c < 0x80))
            throw new NoteRefusedException("it has a control character");
        var words = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0 || words[0][0] == '#') return;
        switch (words)
        {
            case ["log", var vkey]: AddLog(vkey, null); break;
            case ["log", var vkey, var url]: AddLog(vkey, url); break;
            case ["witness", var name, var vkey]: AddWitness(name, vkey, null); break;
            case ["witness", var name, var vkey, var url]: AddWitness(name, vkey, url); break;
            case ["group", var name, var needed, .. { Length: > 0 } named]: AddGroup(name, needed, named); break;
            case ["quorum", var name]:
                if (Quorum.Length > 0) throw new NoteRefusedException("a second quorum");
                Quorum = name == None || IsDefined(name) ? name : throw NotDefined(name);
                break;
            default:
                throw new NoteRefusedException("it is not log VKEY [URL], witness NAME VKEY [URL], "
                    + "group NAME all|any|K NAME…, or quorum NAME|none");
        }
    }

    private void AddLog(string vkey, string? url)
    {
        var key = KeyOf(vkey, NoteAlgorithm.Ed25519, "a log's");
        UrlOf(url);
        Bound(logs.Count, "logs");
        logs.Add(key);
    }

    private void AddWitness(string name, string vkey, string? url)
    {
        Define(name);
        Bound(witnesses.Count, "witnesses");
        witnesses.Add(new(name, KeyOf(vkey, NoteAlgorithm.Cosignature, "a witness's"), UrlOf(url)));
    }

    private void AddGroup(string name, string needed, string[] named)
    {
        Define(name);
        Bound(groups.Count, "groups");
        foreach (var member in named)
            if (!IsDefined(member)) throw NotDefined(member);
            else if (!members.Add(member)) throw new NoteRefusedException($"{member} is a member twice");
        var count = needed switch
        {
            "all" => named.Length,
            "any" => 1,
            _ => (int)Math.Min(NoteText.Number(needed, "how many are needed"), int.MaxValue),
        };
        if (count < 1 || count > named.Length)
            throw new NoteRefusedException($"{needed} of {named.Length} members are needed");
        groups[name] = (count, named);
    }

    private VerifierKey KeyOf(string vkey, NoteAlgorithm algorithm, string whose)
    {
        var key = VerifierKey.Parse(vkey);
        if (key.Algorithm != algorithm) throw new NoteRefusedException($"{key.Name}+{key.Id:x8} is not {whose} key");
        return Keys.FirstOrDefault(key.IsSameKeyAs) is { } there
            ? throw new NoteRefusedException($"{key.Name} has the same public key as {there.Name} above")
            : key;
    }

    private static Uri? UrlOf(string? url) => url is null ? null
        : Uri.TryCreate(url, UriKind.Absolute, out var uri) && (uri.Scheme is "http" or "https")
            ? uri
            : throw new NoteRefusedException($"'{url}' is no address that begins with http:// or https://");

    private void Define(string name)
    {
        if (name == None || IsDefined(name)) throw new NoteRefusedException($"the name {name} is taken");
    }

    private bool IsDefined(string name) =>
        groups.ContainsKey(name) || witnesses.Any(witness => witness.Name == name);

    private static NoteRefusedException NotDefined(string name) => new($"no line above defines {name}");

    private static void Bound(int count, string what)
    {
        if (count == LinesOfAKindMax) throw new NoteRefusedException($"more than {LinesOfAKindMax} {what}");
    }
}
