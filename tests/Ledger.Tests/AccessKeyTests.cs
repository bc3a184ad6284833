using System.Security.Cryptography;
using System.Text;
using CsCheck;
using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Journal.Pipeline;
using NodaTime;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

/// <summary>When access is given and taken, what a key looks like, and what each role may do.</summary>
public sealed class AccessKeyTests
{
    private static readonly Instant Now = Instant.FromUnixTimeSeconds(100);

    private static readonly Dictionary<string, Func<string[], Decision>> Rules = new()
    {
        ["access-keys.txt"] = cells => AccessKeys.Decide(Known(cells[0]), new AccessKeyIssued(
            new(cells[1]), Secret(cells[2]), "kim", Enum.Parse<Role>(cells[3]), new("ACME"),
            [.. Enumerable.Range(0, (int)Number(cells[4])).Select(i => new StationId($"S{i}"))],
            Now + Duration.FromSeconds(Number(cells[5]))), Now),
        ["access-key-revocations.txt"] = cells => AccessKeys.Decide(
            Known(cells[0]), new AccessKeyRevoked(new(cells[1]), "lost"), Now),
    };

    public static IEnumerable<TheoryDataRow<string, int, string>> AllLines() => Lines([.. Rules.Keys]);

    [Theory, MemberData(nameof(AllLines))]
    public void Each_line_is_answered_as_it_says(string table, int number, string line)
    {
        var cells = Cells(line);
        Answer(Rules[table](cells)).ShouldBe(cells[^1], $"{table}:{number}");
    }

    private static AccessKeysState Known(string keys) => keys == "-" ? AccessKeysState.Empty
        : keys.Split(',', StringSplitOptions.TrimEntries).Select(key => key.Split(' ')).Aggregate(
            AccessKeysState.Empty, (state, key) =>
            {
                var id = new AccessKeyId(key[0].TrimEnd('!'));
                state = AccessKeys.Evolve(state, new AccessKeyIssued(id, Secret(key[1]), "kim", Role.Auditor,
                    new("ACME"), [], Now + Duration.FromSeconds(34_560_000)));
                return key[0].EndsWith('!') ? AccessKeys.Evolve(state, new AccessKeyRevoked(id, "lost")) : state;
            });

    private static EvidenceDigest Secret(string letter) =>
        new(Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(letter))));

    [Fact]
    public void A_key_is_256_random_bits_of_which_the_ledger_has_the_hash()
    {
        var (first, second) = (AccessKeyText.Create(), AccessKeyText.Create());
        first.Secret.Length.ShouldBe(64);
        (first.Secret, first.Key).ShouldNotBe((second.Secret, second.Key));
        AccessKeyText.TryParse(first.Shown, out var read).ShouldBeTrue();
        read.ShouldBe(first);
        first.Digest.Hex.ShouldBe(Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(first.Secret))));
        (first.Fits(first.Digest), first.Fits(second.Digest)).ShouldBe((true, false));
        $"{first}".ShouldNotContain(first.Secret[..8]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("ledger_k1")]
    [InlineData("ledger__0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("ledger_k1_000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("ledger_k1_00000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("ledger_k1_000000000000000000000000000000000000000000000000000000000000000G")]
    [InlineData("ledger_k1_000000000000000000000000000000000000000000000000000000000000000A")]
    [InlineData("Ledger_k1_0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("ledger_k 1_0000000000000000000000000000000000000000000000000000000000000000")]
    public void What_is_no_key_is_not_read_as_one(string text) =>
        AccessKeyText.TryParse(text, out _).ShouldBeFalse();

    [Fact]
    public void Any_name_of_a_key_comes_back() =>
        Gen.Char["abcXYZ019._:*-/"].Array[1, 64].Sample(letters =>
        {
            var key = AccessKeyText.Create() with { Key = new(new string(letters)) };
            AccessKeyText.TryParse(key.Shown, out var read).ShouldBeTrue();
            read.ShouldBe(key);
        });

    [Fact]
    public void The_table_has_every_scope_once_and_a_column_for_every_role()
    {
        var rows = Roles.Table.Split('\n').Select(line => line.Split('|', StringSplitOptions.TrimEntries)).ToList();
        rows.Skip(1).Select(row => row[0]).ShouldBe(Scopes.All, ignoreOrder: true);
        rows.ShouldAllBe(row => row.Length == 7);
        rows.Skip(1).SelectMany(row => row.Skip(1)).ShouldAllBe(cell => cell == "x" || cell == "-");
        rows[0].Skip(1).ShouldBe(["station", "chargingOperator", "aggregator", "gridOperator", "auditor", "administrator"]);
        Repository.Text("docs/access.md").ShouldContain(Roles.Table);
        // Who calculates may publish only what another has calculated; who audits changes nothing of the ledger.
        Roles.ScopesOf(Role.Auditor).Where(scope => scope.EndsWith(":write", StringComparison.Ordinal)).ShouldBeEmpty();
        Roles.ScopesOf(Role.Administrator).Where(scope => scope.EndsWith(":read", StringComparison.Ordinal))
            .ShouldBe(["access:read"]);
        foreach (var role in Enum.GetValues<Role>())
            Roles.ScopesOf(role).ShouldNotContain(Scopes.RefusalsRedrive);
    }

    /// <summary>Of a point of ACME at S1, one of ACME at S2 and one of BETA at S1, which are reached.</summary>
    [Theory]
    [InlineData(Role.Station, "S1", "x--")]
    [InlineData(Role.Station, "", "---")]
    [InlineData(Role.ChargingOperator, "", "xx-")]
    [InlineData(Role.ChargingOperator, "S2", "-x-")]
    [InlineData(Role.Aggregator, "", "xx-")]
    [InlineData(Role.Aggregator, "S1", "x-x")]
    [InlineData(Role.GridOperator, "", "xxx")]
    [InlineData(Role.GridOperator, "S1", "x-x")]
    [InlineData(Role.Auditor, "", "xxx")]
    [InlineData(Role.Administrator, "", "---")]
    public void A_role_reaches_points_by_owner_and_station(Role role, string station, string reached)
    {
        var reach = Roles.ReachOf(role, new("ACME"), station.Length == 0 ? [] : [new StationId(station)]);
        string.Concat(new[] { ("ACME", "S1"), ("ACME", "S2"), ("BETA", "S1") }
            .Select(point => reach.Covers(new(point.Item1), new StationId(point.Item2)) ? 'x' : '-'))
            .ShouldBe(reached);
        reach.Covers(new PartyId("ACME")).ShouldBeTrue();
        reach.Covers(new PartyId("BETA")).ShouldBe(role == Role.Auditor);
        reach.IsEverything.ShouldBe(role == Role.Auditor);
    }
}
