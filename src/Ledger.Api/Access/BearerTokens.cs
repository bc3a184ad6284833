using System.Buffers.Text;
using System.Diagnostics;
using System.Text.Json;
using Ledger.Domain;
using Ledger.Journal.Pipeline;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using NodaTime;

namespace Ledger.Api.Access;

/// <summary>
/// Tokens of an identity provider (RFC 7519, as RFC 8725 says to take them): one issuer, one audience, the algorithms
/// of a list, a signature by a key of the issuer, and times that the ledger's own clock judges. The role is the claim
/// <c>ledger_role</c>, the party <c>ledger_party</c>, stations <c>ledger_stations</c>, and who it is <c>sub</c>.
/// </summary>
internal sealed class BearerTokens(TokenOptions options, IClock clock) : IDisposable
{
    /// <summary>What clocks may differ, in s; and how long a set of keys is believed, and how often one that lacks a
    /// key is fetched again, in ms.</summary>
    private const long SkewSeconds = 60;
    private const int KeysAgeMaxMs = 600_000, KeysAgeMinMs = 10_000;
    private const int TokenCharactersMax = 8 * 1024, KeysBytesMax = 256 * 1024;

    private sealed record KeySet(IReadOnlyList<SecurityKey> Keys, long At)
    {
        public double AgeMs => Stopwatch.GetElapsedTime(At).TotalMilliseconds;
    }

    private readonly HttpClient client = new()
    {
        Timeout = TimeSpan.FromSeconds(5),
        MaxResponseContentBufferSize = KeysBytesMax,
    };
    private readonly SemaphoreSlim fetching = new(1);
    private volatile KeySet? known;
    private long tried; // a timestamp; an issuer that does not answer is not asked by everybody who comes

    /// <summary>Who a token says it is; null where anything of it is not as it must be.</summary>
    public async Task<Principal?> HolderAsync(string text, CancellationToken ct)
    {
        if (text.Length > TokenCharactersMax || !text.Contains('.', StringComparison.Ordinal)) return null;
        var handler = new JsonWebTokenHandler { MapInboundClaims = false };
        if (!handler.CanReadToken(text)) return null;
        var keys = await KeysAsync(KeysAgeMaxMs, ct).ConfigureAwait(false);
        var result = await ValidateAsync(handler, text, keys).ConfigureAwait(false);
        // An issuer may have begun to sign with a new key since the set was read.
        if (!result.IsValid && result.Exception is SecurityTokenSignatureKeyNotFoundException
            && keys.AgeMs >= KeysAgeMinMs)
            result = await ValidateAsync(handler, text, await KeysAsync(KeysAgeMinMs, ct).ConfigureAwait(false))
                .ConfigureAwait(false);
        return result is { IsValid: true, SecurityToken: JsonWebToken token } && IsOfNow(token)
            ? PrincipalOf(token) : null;
    }

    private Task<TokenValidationResult> ValidateAsync(JsonWebTokenHandler handler, string text, KeySet keys) =>
        handler.ValidateTokenAsync(text, new TokenValidationParameters
        {
            ValidIssuer = options.Issuer,
            ValidAudience = options.Audience,
            ValidAlgorithms = options.Algorithms,
            IssuerSigningKeys = keys.Keys,
            RequireSignedTokens = true,
            ValidateLifetime = false, // by the ledger's clock, below
            ValidTypes = null,
        });

    private bool IsOfNow(JsonWebToken token)
    {
        var now = clock.GetCurrentInstant().ToUnixTimeSeconds();
        return token.TryGetPayloadValue<long>("exp", out var expires) && now < expires + SkewSeconds
            && (!token.TryGetPayloadValue<long>("nbf", out var from) || now >= from - SkewSeconds)
            && (!token.TryGetPayloadValue<long>("iat", out var issued) || now >= issued - SkewSeconds);
    }

    private static Principal? PrincipalOf(JsonWebToken token)
    {
        if (!Identifier.IsValid(token.Subject)
            || !token.TryGetPayloadValue<string>("ledger_role", out var named)
            || !ChoiceNames.TryParse<Role>(named, out var role, StringComparison.OrdinalIgnoreCase)
            || !token.TryGetPayloadValue<string>("ledger_party", out var of) || !PartyId.TryParse(of, out var party))
            return null;
        var stations = new List<StationId>();
        // From the text itself: of a list with something else in it the library gives what is left, and a limit that
        // cannot be read is not none.
        using var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(token.EncodedPayload));
        if (claims.RootElement.TryGetProperty("ledger_stations", out var names))
        {
            if (names.ValueKind != JsonValueKind.Array) return null;
            foreach (var name in names.EnumerateArray())
                if (name.ValueKind == JsonValueKind.String && StationId.TryParse(name.GetString(), out var station))
                    stations.Add(station);
                else return null;
        }
        return stations.Count > AccessKeys.StationsMax ? null
            : Roles.Principal(token.Subject, role, party, stations);
    }

    /// <summary>
    /// The issuer's keys. One caller fetches a new set and the others do not wait for it while they have an older one;
    /// an issuer that fails is asked again after ten seconds. Throws <see cref="IssuerAwayException"/> where no set was
    /// ever read.
    /// </summary>
    private async Task<KeySet> KeysAsync(int ageMaxMs, CancellationToken ct)
    {
        if (known is { } before && (before.AgeMs < ageMaxMs || WasTried)) return before;
        if (!await fetching.WaitAsync(known is null ? client.Timeout : TimeSpan.Zero, ct).ConfigureAwait(false))
            return known ?? throw new IssuerAwayException(options.Keys);
        try
        {
            if (known is { } meanwhile && (meanwhile.AgeMs < ageMaxMs || WasTried)) return meanwhile;
            if (WasTried) throw new IssuerAwayException(options.Keys);
            Volatile.Write(ref tried, Stopwatch.GetTimestamp());
            // Whoever asked first may go away; the set is for all.
            var text = options.IsFetched
                ? await client.GetStringAsync(new Uri(options.Keys), CancellationToken.None).ConfigureAwait(false)
                : await File.ReadAllTextAsync(options.Keys, CancellationToken.None).ConfigureAwait(false);
            known = new([.. new JsonWebKeySet(text).GetSigningKeys()], Stopwatch.GetTimestamp());
            Volatile.Write(ref tried, 0);
            return known;
        }
        catch (Exception unreachable) when (unreachable is HttpRequestException or IOException or ArgumentException
            or OperationCanceledException)
        {
            return known ?? throw new IssuerAwayException(options.Keys); // its keys of before are still its keys
        }
        finally
        {
            fetching.Release();
        }
    }

    private bool WasTried => Volatile.Read(ref tried) is var at && at != 0
        && Stopwatch.GetElapsedTime(at).TotalMilliseconds < KeysAgeMinMs;

    public void Dispose()
    {
        client.Dispose();
        fetching.Dispose();
    }
}

/// <summary>The keys of whose tokens are taken could not be read yet, so nobody can show who he is by one.</summary>
internal sealed class IssuerAwayException(string keys)
    : Exception($"the keys of the issuer of tokens, {keys}, cannot be read")
{
    /// <summary>What whoever brings a token is told; where its issuer's keys are is not his business.</summary>
    public const string Told = "who brings a token cannot be admitted now, because its issuer's keys cannot be read";
}
