using System.Net;
using Ledger.Stores.EventStoreDb;
using Shouldly;

namespace Ledger.Tests.EventStoreDb;

/// <summary>Connection strings: every option, every default, and what is wrong with each wrong one.</summary>
public sealed class ConnectionStringTests
{
    [Fact]
    public void Without_options_the_defaults_are_those_of_the_official_clients()
    {
        var settings = EventStoreClientSettings.Create("esdb://localhost");
        settings.Hosts.ShouldBe([new DnsEndPoint("localhost", 2113)]);
        (settings.IsDiscovered, settings.Tls, settings.TlsVerifyCert, settings.ThrowOnAppendFailure)
            .ShouldBe((false, true, true, true));
        (settings.NodePreference, settings.MaxDiscoverAttempts).ShouldBe((NodePreference.Leader, 10));
        (settings.DiscoveryInterval.TotalMilliseconds, settings.GossipTimeout.TotalMilliseconds,
            settings.KeepAliveInterval.TotalMilliseconds, settings.KeepAliveTimeout.TotalMilliseconds,
            settings.DefaultDeadline.TotalMilliseconds).ShouldBe((100, 5000, 10_000, 10_000, 10_000));
        (settings.DefaultCredentials, settings.TlsCaFile, settings.UserCertFile).ShouldBe((null, null, null));
    }

    [Fact]
    public void Every_option_is_read_in_any_case()
    {
        var file = typeof(ConnectionStringTests).Assembly.Location;
        var escaped = Uri.EscapeDataString(file);
        var settings = EventStoreClientSettings.Create("esdb+discover://a%3Ab:c@one:1,[::1]:2,three/?TLS=False&connectionname=a%20b"
            + "&maxDiscoverAttempts=3&discoveryInterval=4&gossipTimeout=5&nodePreference=READONLYREPLICA&tlsverifycert=false"
            + $"&tlsCaFile={escaped}&defaultDeadline=6&throwOnAppendFailure=false&keepAliveInterval=-1&keepAliveTimeout=7"
            + $"&userCertFile={escaped}&userKeyFile={escaped}");
        settings.Hosts.ShouldBe(
            [new DnsEndPoint("one", 1), new DnsEndPoint("::1", 2), new DnsEndPoint("three", 2113)]);
        (settings.IsDiscovered, settings.Tls, settings.TlsVerifyCert, settings.ThrowOnAppendFailure)
            .ShouldBe((true, false, false, false));
        settings.DefaultCredentials.ShouldBe(new UserCredentials("a:b", "c"));
        (settings.ConnectionName, settings.NodePreference, settings.MaxDiscoverAttempts)
            .ShouldBe(("a b", NodePreference.ReadOnlyReplica, 3));
        settings.KeepAliveInterval.ShouldBe(Timeout.InfiniteTimeSpan);
        (settings.DiscoveryInterval.TotalMilliseconds, settings.GossipTimeout.TotalMilliseconds,
            settings.DefaultDeadline.TotalMilliseconds, settings.KeepAliveTimeout.TotalMilliseconds)
            .ShouldBe((4, 5, 6, 7));
        (settings.TlsCaFile, settings.UserCertFile, settings.UserKeyFile).ShouldBe((file, file, file));
        EventStoreClientSettings.Create("kurrentdb+discover://a").IsDiscovered.ShouldBeTrue();
        EventStoreClientSettings.Create("esdb://a,b").IsDiscovered.ShouldBeTrue();
    }

    [Theory]
    [InlineData("localhost:2113", "has no scheme; it looks like esdb://host:2113?tls=false")]
    [InlineData("http://a", "has the scheme 'http'; it is esdb or esdb+discover")]
    [InlineData("esdb://", "has '' where a host[:port] is expected")]
    [InlineData("esdb://a,", "has '' where a host[:port] is expected")]
    [InlineData("esdb://a:0", "has 'a:0' where a host[:port] is expected")]
    [InlineData("esdb://a:65536", "has 'a:65536' where a host[:port] is expected")]
    [InlineData("esdb://a:b", "has 'a:b' where a host[:port] is expected")]
    [InlineData("esdb://a b", "has 'a b' where a host[:port] is expected")]
    [InlineData("esdb://a/b", "has the path '/b'; it has none")]
    [InlineData("esdb://a?connectionName=b@c", "has an '@' behind a '/' or a '?'; in a user's name, a password or a value "
        + "these are written %40, %2F and %3F")]
    [InlineData("esdb://user@a", "has credentials that are not user:password")]
    [InlineData("esdb://user:@a", "has credentials that are not user:password")]
    [InlineData("esdb://a?tls", "has 'tls' where an option=value is expected")]
    [InlineData("esdb://a?tls=", "has 'tls=' where an option=value is expected")]
    [InlineData("esdb://a?tls=true&TLS=true", "says 'TLS' twice")]
    [InlineData("esdb://a?colour=red", "says 'colour', which is no option")]
    [InlineData("esdb://a?tls=yes", "says tls=yes; it is true or false")]
    [InlineData("esdb://a?gossipTimeout=0", "says gossipTimeout=0; it is a whole number of at least 1")]
    [InlineData("esdb://a?gossipTimeout=1.5", "says gossipTimeout=1.5; it is a whole number of at least 1")]
    [InlineData("esdb://a?keepAliveInterval=0", "says keepAliveInterval=0; it is at least 1, or -1 for never")]
    [InlineData("esdb://a?keepAliveTimeout=-2", "says keepAliveTimeout=-2; it is a whole number of at least -1")]
    [InlineData("esdb://a?nodePreference=8", "says nodePreference=8; it is leader, follower, random or readOnlyReplica")]
    [InlineData("esdb://a?nodePreference=best", "says nodePreference=best; it is leader, follower, random or readOnlyReplica")]
    [InlineData("esdb://a?tlsCaFile=/nowhere.pem", "says tlsCaFile=/nowhere.pem, where no file is")]
    public void What_is_wrong_is_said(string text, string why) =>
        Should.Throw<ConnectionStringParseException>(() => EventStoreClientSettings.Create(text))
            .Message.ShouldBe("the connection string " + why);

    [Fact]
    public void A_certificate_without_its_key_is_wrong() =>
        Should.Throw<ConnectionStringParseException>(() => EventStoreClientSettings.Create(
            "esdb://a?userCertFile=" + Uri.EscapeDataString(typeof(ConnectionStringTests).Assembly.Location)))
            .Message.ShouldContain("userCertFile and userKeyFile");
}
