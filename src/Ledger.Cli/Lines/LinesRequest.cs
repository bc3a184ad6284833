using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli.Lines;

/// <summary>Which lines are asked for: one by its name, or a sample.</summary>
internal abstract record LinesRequest
{
    private LinesRequest() { }

    /// <summary>As a verification's last line says it, each value without a space: who asks chooses the seed, and has
    /// to see that it is theirs.</summary>
    public abstract string Closing { get; }

    /// <summary>One line of one run; the lines before it come with it.</summary>
    public sealed record One(string Run, int Number) : LinesRequest
    {
        public override string Closing => string.Create(CultureInfo.InvariantCulture, $"run={Run} line={Number}");

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Run}#{Number}");
    }

    /// <param name="Statement">The run to draw from; null: of each account and day the run that holds.</param>
    public sealed record Sample(int Lines, string Seed, int Confidence, string? Statement) : LinesRequest
    {
        /// <summary>Whose runs alone are drawn from; null: everybody's.</summary>
        public PartyId? Account { get; init; }

        /// <summary>The settlement day whose runs alone are drawn from; null: every day.</summary>
        public LocalDate? Day { get; init; }

        public bool IsOf(PartyId account, LocalDate day) => (Account ?? account) == account && (Day ?? day) == day;

        /// <summary>Whose runs of which day, after what it narrows; empty where it is all of them.</summary>
        public string Of => (Account is { } account ? $" of {account}" : "")
            + (Day is { } day ? $" on {LocalDatePattern.Iso.Format(day)}" : "");

        public override string Closing => string.Create(CultureInfo.InvariantCulture,
            $"{(Statement is null ? "" : $"run={Statement} ")}{(Account is { } account ? $"account={account} " : "")}")
            + (Day is { } day ? $"day={LocalDatePattern.Iso.Format(day)} " : "")
            + string.Create(CultureInfo.InvariantCulture, $"sample={Lines} seed={Uri.EscapeDataString(Seed)}");

        public override string ToString() => string.Create(CultureInfo.InvariantCulture,
            $"sample of {Lines} lines of {Statement ?? $"all runs that hold{Of}"} by the seed {Seed}");
    }

    public JsonObject ToJson() => this switch
    {
        One one => new() { ["run"] = one.Run, ["number"] = one.Number },
        Sample sample => Narrowed(sample, new()
        {
            ["lines"] = sample.Lines,
            ["seed"] = sample.Seed,
            ["confidence"] = sample.Confidence,
            ["statement"] = sample.Statement,
        }),
        _ => throw new InvalidOperationException(),
    };

    /// <summary>What is not asked for is left out, as of every sample that was drawn before it could be.</summary>
    private static JsonObject Narrowed(Sample sample, JsonObject json)
    {
        if (sample.Account is { } account) json["account"] = account.Value;
        if (sample.Day is { } day) json["day"] = LocalDatePattern.Iso.Format(day);
        return json;
    }

    /// <summary>Throws <see cref="FormatException"/> where it is no request.</summary>
    public static LinesRequest Read(JsonNode? json)
    {
        try
        {
            LinesRequest request = json?["run"] is { } run
                ? new One((string)run!, (int)json["number"]!)
                : new Sample((int)json!["lines"]!, (string)json["seed"]!, (int)json["confidence"]!,
                    (string?)json["statement"])
                {
                    Account = json["account"] is { } account ? PartyOf((string)account!) : null,
                    Day = json["day"] is { } day ? DayOf((string)day!) : null,
                };
            return request is Sample sample && (sample.Lines is < 1 or > AuditSample.LinesMax
                    || !SeededDraw.IsSeed(sample.Seed)
                    || sample.Confidence is < ConfidenceFactor.PercentMin or > ConfidenceFactor.PercentMax)
                || request is One { Number: < 1 }
                || (request is One { Run: var one } && !RunId.TryParse(one, out _))
                || (request is Sample { Statement: { } of } && !RunId.TryParse(of, out _))
                ? throw new FormatException("the request is out of its range") : request;
        }
        catch (Exception wrong) when (wrong is InvalidOperationException or ArgumentNullException
            or NullReferenceException)
        {
            throw new FormatException("there is no request for lines");
        }
    }

    private static PartyId PartyOf(string text) => PartyId.TryParse(text, out var party) ? party
        : throw new FormatException("the account of the request is none");

    private static LocalDate DayOf(string text) => DayText.TryDay(text, out var day) ? day
        : throw new FormatException("the day of the request is none");
}
