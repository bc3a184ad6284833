using System.Text;
using Ledger.Journal.Proof;
using Shouldly;

namespace Ledger.Tests;

/// <summary>c2sp.org/tlog-policy: who has to vouch.</summary>
public sealed class WitnessPolicyTests
{
    private static SignerKey Key(string name, byte seed) => new(name, [.. Enumerable.Repeat(seed, 32)]);

    private static readonly SignerKey Log = Key("log.example", 1);

    private static readonly Dictionary<string, VerifierKey> Witnesses = ((string[])["X1", "X2", "X3", "Y1", "Y2", "Y3"])
        .Select((name, i) => (name, Key($"{name}.example", (byte)(i + 2)).WitnessVerifier))
        .ToDictionary(pair => pair.name, pair => pair.WitnessVerifier);

    private static string Lines(params string[] after) => string.Join('\n',
        [$"log {Log.Verifier} https://log.example/", .. Witnesses.Select(one => $"witness {one.Key} {one.Value}"),
            .. after]) + "\n";

    private static WitnessPolicy Parse(string text) => WitnessPolicy.Parse(Encoding.UTF8.GetBytes(text));

    /// <summary>The example of the document: two of X and one of Y.</summary>
    [Theory]
    [InlineData("X1 X2 Y3", true)]
    [InlineData("X1 X2 X3 Y1 Y2 Y3", true)]
    [InlineData("X1 X2 X3", false)]
    [InlineData("X1 Y1 Y2 Y3", false)]
    [InlineData("", false)]
    public void Groups_of_groups_count(string vouching, bool isSatisfied)
    {
        var policy = Parse(Lines("# a comment", "", " \tgroup X 2 X1 X2 X3 ", "group\tY any Y1 Y2 Y3", "group XY all X Y",
            "quorum XY"));
        (policy.Logs.Count, policy.Witnesses.Count, policy.Quorum).ShouldBe((1, 6, "XY"));
        var keys = vouching.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(name => Witnesses[name]).ToList();
        policy.IsSatisfiedBy(keys).ShouldBe(isSatisfied);
        policy.IsSatisfiedBy([.. keys, .. keys]).ShouldBe(isSatisfied, "a key that is named twice counts once");
    }

    [Fact]
    public void A_quorum_is_one_witness_or_nobody()
    {
        Parse(Lines("quorum X1")).IsSatisfiedBy([Witnesses["X2"]]).ShouldBeFalse();
        Parse(Lines("quorum X1")).IsSatisfiedBy([Witnesses["X1"]]).ShouldBeTrue();
        Parse("quorum none\n").IsSatisfiedBy([]).ShouldBeTrue();
    }

    public static TheoryData<string, string> Refused => new()
    {
        { "quorum X1\nquorum X2", "line 9: a second quorum" },
        { "# nothing", "the policy has no quorum line" },
        { "quorum X9", "line 8: no line above defines X9" },
        { "group G all X1 X9\nquorum G", "line 8: no line above defines X9" },
        { "group G all X1 X1\nquorum G", "line 8: X1 is a member twice" },
        { "group G any X1\ngroup H any X1\nquorum G", "line 9: X1 is a member twice" },
        { "group G 3 X1 X2\nquorum G", "line 8: 3 of 2 members are needed" },
        { "group G 0 X1 X2\nquorum G", "line 8: 0 of 2 members are needed" },
        { "group G 01 X1 X2\nquorum G", "line 8: how many are needed is not a number from 0 to" },
        { "group G any\nquorum G", "line 8: it is not log VKEY" },
        { "group X1 any X2\nquorum X1", "line 8: the name X1 is taken" },
        { "group none any X2\nquorum none", "line 8: the name none is taken" },
        { "quorum X1\r", "line 8: it has a control character" },
        { "quorums X1", "line 8: it is not log VKEY" },
        { $"witness Z {Log.Verifier}\nquorum Z", "line 8: log.example+" },
        { $"witness Z {Log.WitnessVerifier}\nquorum Z", "line 8: log.example has the same public key as log.example" },
        { $"log {Log.Verifier}\nquorum X1", "line 8: log.example has the same public key as log.example" },
        { $"witness Z {Key("other.example", 2).WitnessVerifier}\nquorum Z",
            "line 8: other.example has the same public key as X1.example above" },
        { $"witness Z {Key("z.example", 20).WitnessVerifier} ftp://z\nquorum Z", "line 8: 'ftp://z' is no address" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void Another_text_is_refused_with_its_line(string lines, string why) =>
        Should.Throw<NoteRefusedException>(() => Parse(Lines(lines))).Message.ShouldStartWith(why);

    [Fact]
    public void A_policy_is_bounded_and_reads_what_the_document_asks_for()
    {
        string Many(int count) => string.Concat(Enumerable.Range(0, count)
            .Select(i => $"witness W{i} {Key($"w{i}", (byte)(i + 1)).WitnessVerifier} http://127.0.0.1:1/{i}\n"));
        Parse(Many(32) + "quorum W31\n").Witnesses[31].Url!.AbsolutePath.ShouldBe("/31");
        Should.Throw<NoteRefusedException>(() => Parse(Many(65) + "quorum W1\n")).Message.ShouldContain("more than 64");
        Should.Throw<NoteRefusedException>(() => WitnessPolicy.Parse(new byte[70_000]));
        Should.Throw<NoteRefusedException>(() => WitnessPolicy.Parse([0xff]));
    }
}
