using System.Text.Json;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Api.Access;

/// <summary>Whose tokens are taken (OpenID Connect), from a file that a person wrote.</summary>
/// <param name="Issuer">The one issuer, to the letter.</param>
/// <param name="Audience">The one audience, which is this ledger.</param>
/// <param name="Algorithms">Algorithms of signatures that are taken; none that shares a secret, and never none.</param>
/// <param name="Keys">The issuer's keys as a JSON Web Key Set: a path, or an https address.</param>
public sealed record TokenOptions(string Issuer, string Audience, IReadOnlyList<string> Algorithms, string Keys)
{
    /// <summary>Whether the keys are at an address and not in a file.</summary>
    public bool IsFetched => Keys.Contains("://", StringComparison.Ordinal);

    /// <summary>Those that can be allowed (RFC 7518, 3.1): signatures of which only the issuer has the key.</summary>
    public static IReadOnlyList<string> AlgorithmsKnown { get; } =
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    private const int BytesMax = 64 * 1024;

    /// <summary>Reads the file; throws <see cref="InputRefusedException"/> at what breaks a rule.</summary>
    public static TokenOptions Read(string path)
    {
        if (new FileInfo(path).Length > BytesMax)
            throw new InputRefusedException(Rejection.TooLarge, path, "", $"has at most {BytesMax} bytes");
        using var document = InputValue.Parse(File.ReadAllBytes(path));
        var input = new InputValue("input", document.RootElement).Object("issuer", "audience", "algorithms", "keys");
        var algorithms = input.Required("algorithms").Array().ConvertAll(each => AlgorithmsKnown.Contains(each.Text())
            ? each.Text()
            : throw each.Refused(Rejection.UnknownAlgorithm, $"must be one of {string.Join(", ", AlgorithmsKnown)}"));
        if (algorithms.Count == 0)
            throw input.Required("algorithms").Refused(Rejection.EmptyInput, "must name an algorithm");
        var keys = input.Required("keys").Line(Limits.TextLengthMax);
        if (keys.Contains("://", StringComparison.Ordinal)
            && !(Uri.TryCreate(keys, UriKind.Absolute, out var url)
                && (url.Scheme == Uri.UriSchemeHttps || url.IsLoopback)))
            throw input.Required("keys").Refused(Rejection.OutOfRange, "must be a path or an https address");
        return new(input.Required("issuer").Line(Limits.TextLengthMax),
            input.Required("audience").Line(Limits.TextLengthMax), algorithms,
            keys.Contains("://", StringComparison.Ordinal)
                ? keys : Path.GetFullPath(keys, Path.GetDirectoryName(Path.GetFullPath(path))!));
    }
}
