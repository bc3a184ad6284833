using System.Globalization;
using System.Net;
using System.Text.Json;
using Grpc.Core.Interceptors;

namespace Ledger.Stores.EventStoreDb;

/// <summary>Which node of a cluster a client would rather speak to.</summary>
public enum NodePreference { Leader, Follower, Random, ReadOnlyReplica }

/// <summary>Name and password of a user of the server.</summary>
public sealed record UserCredentials(string Username, string Password);

/// <summary>A connection string says something that is not understood.</summary>
public sealed class ConnectionStringParseException(string message) : FormatException(message);

/// <summary>
/// How a client reaches its server, as a connection string says it:
/// <c>esdb://[user:password@]host[:port][,host…][/][?option=value&amp;…]</c>. One host is spoken to directly;
/// several, or <c>esdb+discover://</c>, are asked who is in the cluster. Names and meanings are those of the official
/// clients.
/// </summary>
public sealed record EventStoreClientSettings
{
    public const int DefaultPort = 2113;
    private const string Example = "esdb://host:2113?tls=false";

    /// <summary>Where to connect, or whom to ask.</summary>
    public required IReadOnlyList<DnsEndPoint> Hosts { get; init; }
    /// <summary>Whether the hosts are asked who is in their cluster.</summary>
    public bool IsDiscovered { get; init; }
    /// <summary>Sent with every call only over TLS; null for none.</summary>
    public UserCredentials? DefaultCredentials { get; init; }
    /// <summary>Sent with every call, for the server's log.</summary>
    public string ConnectionName { get; init; } = "ledger";
    public bool Tls { get; init; } = true;
    /// <summary>Whether the server's certificate must be trusted.</summary>
    public bool TlsVerifyCert { get; init; } = true;
    /// <summary>The file (PEM) of the authority that signed the server's certificate; null for the system's.</summary>
    public string? TlsCaFile { get; init; }
    /// <summary>The client's own certificate and its key (PEM), both or neither.</summary>
    public string? UserCertFile { get; init; }
    /// <inheritdoc cref="UserCertFile"/>
    public string? UserKeyFile { get; init; }
    public NodePreference NodePreference { get; init; } = NodePreference.Leader;
    /// <summary>How often all hosts are asked before the client gives up.</summary>
    public int MaxDiscoverAttempts { get; init; } = 10;
    /// <summary>Between two rounds of asking.</summary>
    public TimeSpan DiscoveryInterval { get; init; } = TimeSpan.FromMilliseconds(100);
    /// <summary>How long one host may take to answer who is there.</summary>
    public TimeSpan GossipTimeout { get; init; } = TimeSpan.FromSeconds(5);
    /// <summary>How long an append may take at the server.</summary>
    public TimeSpan DefaultDeadline { get; init; } = TimeSpan.FromSeconds(10);
    /// <summary>Whether a wrong expected revision is an exception, or a result.</summary>
    public bool ThrowOnAppendFailure { get; init; } = true;
    /// <summary>Silence after which the connection is probed, and how long the answer may take.</summary>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromSeconds(10);
    /// <inheritdoc cref="KeepAliveInterval"/>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromSeconds(10);
    /// <summary>What sees every call, outermost first.</summary>
    public IReadOnlyList<Interceptor> Interceptors { get; init; } = [];

    /// <summary>Reads a connection string; <see cref="ConnectionStringParseException"/> says what is wrong.</summary>
    public static EventStoreClientSettings Create(string connectionString)
    {
        var scheme = connectionString.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0) throw Wrong($"has no scheme; it looks like {Example}");
        var isDiscovered = connectionString[..scheme].ToLowerInvariant() switch
        {
            "esdb" or "kurrentdb" => false,
            "esdb+discover" or "kurrentdb+discover" => true,
            var other => throw Wrong($"has the scheme '{other}'; it is esdb or esdb+discover"),
        };
        var rest = connectionString[(scheme + 3)..];
        // Where the password ends nobody can tell then, so nothing of it is quoted.
        if (rest.AsSpan().IndexOfAny('/', '?') is >= 0 and var behind && rest.IndexOf('@', behind) >= 0)
            throw Wrong("has an '@' behind a '/' or a '?'; in a user's name, a password or a value these are written %40, "
                + "%2F and %3F");
        var question = rest.IndexOf('?', StringComparison.Ordinal);
        var (place, options) = question < 0 ? (rest, "") : (rest[..question], rest[(question + 1)..]);
        var slash = place.IndexOf('/', StringComparison.Ordinal);
        if (slash >= 0 && slash < place.Length - 1) throw Wrong($"has the path '{place[slash..]}'; it has none");
        if (slash >= 0) place = place[..slash];
        var at = place.LastIndexOf('@');
        var hosts = place[(at + 1)..].Split(',').Select(Host).ToList();
        var settings = new EventStoreClientSettings
        {
            Hosts = hosts,
            IsDiscovered = isDiscovered || hosts.Count > 1,
            DefaultCredentials = at < 0 ? null : Credentials(place[..at]),
        };
        return WithOptions(settings, options).Checked();
    }

    /// <summary>
    /// The same for a journal. It is read from the leader: another node may not have yet what was acknowledged, and its
    /// absence would stop the journal; <see cref="ConnectionStringParseException"/> says so. A refused append is an
    /// exception in any case, and nodes are looked for in few rounds, because a journal has a patience of its own.
    /// </summary>
    public EventStoreClientSettings ForJournal()
    {
        if (NodePreference != NodePreference.Leader)
            throw Wrong($"says nodePreference={JsonNamingPolicy.CamelCase.ConvertName($"{NodePreference}")}; a journal is "
                + "read from the leader, because another node may not have yet what was acknowledged");
        return this with
        {
            ThrowOnAppendFailure = true,
            MaxDiscoverAttempts = MaxDiscoverAttempts is < 0 or > JournalRoundsMax
                ? JournalRoundsMax : MaxDiscoverAttempts,
        };
    }

    private const int JournalRoundsMax = 10; // of one attempt; those of an outage follow each other

    private static UserCredentials Credentials(string text)
    {
        var parts = text.Split(':', 2);
        return parts is [{ Length: > 0 } name, { Length: > 0 } password]
            ? new(Uri.UnescapeDataString(name), Uri.UnescapeDataString(password))
            : throw Wrong("has credentials that are not user:password");
    }

    private static DnsEndPoint Host(string text)
    {
        var colon = text.LastIndexOf(':');
        var hasPort = colon > text.LastIndexOf(']'); // an address of IP version 6 has colons within its brackets
        var name = (hasPort ? text[..colon] : text).Trim('[', ']');
        var port = DefaultPort;
        if (name.Length == 0 || (hasPort && (!int.TryParse(text[(colon + 1)..], NumberStyles.None,
                CultureInfo.InvariantCulture, out port) || port is 0 or > 65535))
            || Uri.CheckHostName(name) == UriHostNameType.Unknown)
            throw Wrong($"has '{text}' where a host[:port] is expected");
        return new(name, port);
    }

    private static EventStoreClientSettings WithOptions(EventStoreClientSettings settings, string options)
    {
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var option in options.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            if (option.Split('=', 2) is not [var name, { Length: > 0 } escaped])
                throw Wrong($"has '{option}' where an option=value is expected");
            if (!seen.Add(name)) throw Wrong($"says '{name}' twice");
            settings = settings.With(name, Uri.UnescapeDataString(escaped));
        }
        return settings;
    }

    private EventStoreClientSettings With(string name, string value) => name.ToLowerInvariant() switch
    {
        "tls" => this with { Tls = Flag(name, value) },
        "connectionname" => this with { ConnectionName = value },
        "maxdiscoverattempts" => this with { MaxDiscoverAttempts = Number(name, value, -1) },
        "discoveryinterval" => this with { DiscoveryInterval = Milliseconds(name, value) },
        "gossiptimeout" => this with { GossipTimeout = Milliseconds(name, value) },
        "nodepreference" => this with { NodePreference = Preference(value) },
        "tlsverifycert" => this with { TlsVerifyCert = Flag(name, value) },
        "tlscafile" => this with { TlsCaFile = Existing(name, value) },
        "defaultdeadline" => this with { DefaultDeadline = Milliseconds(name, value) },
        "throwonappendfailure" => this with { ThrowOnAppendFailure = Flag(name, value) },
        "keepaliveinterval" => this with { KeepAliveInterval = KeepAlive(name, value) },
        "keepalivetimeout" => this with { KeepAliveTimeout = KeepAlive(name, value) },
        "usercertfile" => this with { UserCertFile = Existing(name, value) },
        "userkeyfile" => this with { UserKeyFile = Existing(name, value) },
        _ => throw Wrong($"says '{name}', which is no option"),
    };

    private EventStoreClientSettings Checked() => (UserCertFile is null) == (UserKeyFile is null)
        ? this
        : throw Wrong("says one of userCertFile and userKeyFile; a client has both or neither");

    private static bool Flag(string name, string value) => bool.TryParse(value, out var flag)
        ? flag
        : throw Wrong($"says {name}={value}; it is true or false");

    private static int Number(string name, string value, int least) =>
        int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            && number >= least
            ? number
            : throw Wrong($"says {name}={value}; it is a whole number of at least {least}");

    private static TimeSpan Milliseconds(string name, string value) =>
        TimeSpan.FromMilliseconds(Number(name, value, 1));

    /// <summary>-1 means never.</summary>
    private static TimeSpan KeepAlive(string name, string value) => Number(name, value, -1) switch
    {
        < 0 => Timeout.InfiniteTimeSpan,
        0 => throw Wrong($"says {name}=0; it is at least 1, or -1 for never"),
        var number => TimeSpan.FromMilliseconds(number),
    };

    private static NodePreference Preference(string value) =>
        Enum.TryParse<NodePreference>(value, ignoreCase: true, out var preference) && Enum.IsDefined(preference)
            && !char.IsAsciiDigit(value[0])
            ? preference
            : throw Wrong($"says nodePreference={value}; it is leader, follower, random or readOnlyReplica");

    private static string Existing(string name, string path) => File.Exists(path)
        ? path
        : throw Wrong($"says {name}={path}, where no file is");

    private static ConnectionStringParseException Wrong(string why) => new($"the connection string {why}");
}
