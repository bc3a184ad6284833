using System.Reflection;
using CsCheck;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Two rows are the same exactly if their texts are: of every type of row that a projection makes, found by reflection,
/// with made values, among them all that records and texts might see differently.
/// </summary>
public sealed class RowEqualityTests
{
    /// <summary>Every record that is named as a row, and the two others that are rows.</summary>
    private static readonly Type[] RowTypes =
    [
        .. typeof(IProjection).Assembly.GetTypes().Where(type => type is { IsSealed: true, IsAbstract: false }
            && (type.Name.EndsWith("Row", StringComparison.Ordinal) || type.Name is "Refusal" or "Place")
            && type.GetMethod("<Clone>$") is not null && type != typeof(ViewRow)
            && type != typeof(StatementRow)), // is of an answer, and no view keeps it
    ];

    private static readonly string[] Texts = ["", "a", "b", "0.000000000000", "é漢😀", "\"quoted\""];

    private static readonly decimal[] Decimals =
        [0m, 0.00m, -0m, new(0, 0, 0, true, 2), 1m, 1.0m, 1.00m, -1m, 0.1m, decimal.MaxValue, decimal.MinValue];

    private static readonly Instant[] Instants =
        [Instant.MinValue, default, Instant.FromUtc(2026, 6, 1, 16, 0), Instant.MaxValue];

    private static object? Made(Type type, Random chance, int depth = 0)
    {
        if (Nullable.GetUnderlyingType(type) is { } some) return chance.Next(3) == 0 ? null : Made(some, chance, depth);
        if (type.IsEnum) return Pick((Array)Enum.GetValues(type));
        if (type == typeof(string)) return Pick(Texts);
        if (type == typeof(bool)) return chance.Next(2) == 0;
        if (type == typeof(int)) return chance.Next(3) - 1;
        if (type == typeof(long)) return (long)(chance.Next(3) - 1) * long.MaxValue;
        if (type == typeof(decimal)) return Pick(Decimals);
        if (type == typeof(Instant)) return Pick(Instants);
        if (type == typeof(Int128)) return (Int128)(chance.Next(3) - 1) << 90; // sums of several are written too
        if (type == typeof(Interval)) return new Interval(default, Instants[2] + Duration.FromHours(chance.Next(3)));
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
        {
            // A row may hold rows of its own type, and what is written is at most 64 deep.
            var items = Array.CreateInstance(type.GenericTypeArguments[0], depth > 4 ? 0 : chance.Next(3));
            for (var i = 0; i < items.Length; i++)
                items.SetValue(Made(type.GenericTypeArguments[0], chance, depth + 1), i);
            return items;
        }
        if (depth > 0 && !type.IsValueType && chance.Next(4) == 0) return null;
        var constructor = type.GetConstructors(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .Where(each => each.GetParameters() is not [{ } only] || only.ParameterType != type)
            .MaxBy(each => each.GetParameters().Length)!;
        return constructor.Invoke([.. constructor.GetParameters()
            .Select(parameter => Named(parameter, chance) ?? Made(parameter.ParameterType, chance, depth + 1))]);

        object? Pick(Array values) => values.GetValue(chance.Next(values.Length));
    }

    // An identifier is not any text.
    private static object? Named(ParameterInfo parameter, Random chance) =>
        parameter.Member.DeclaringType!.IsValueType && parameter.ParameterType == typeof(string)
            ? parameter.Member.DeclaringType == typeof(EvidenceDigest) ? new string("ab"[chance.Next(2)], 64)
                : $"P{chance.Next(2)}"
            : null;

    public static TheoryData<string> Names => [.. RowTypes.Select(type => type.FullName!)];

    [Fact]
    public void Every_view_has_rows_among_them() => RowTypes.Length.ShouldBeGreaterThan(30);

    [Theory]
    [MemberData(nameof(Names))]
    public void Rows_are_the_same_exactly_if_their_texts_are(string name)
    {
        var type = RowTypes.Single(each => each.FullName == name);
        Gen.Select(Gen.Int[0, int.MaxValue], Gen.Int[0, 1]).Sample((seed, change) =>
        {
            var one = Made(type, new Random(seed))!;
            // Of one member at a time, so that they are often nearly the same.
            var other = Changed(type, Made(type, new Random(seed))!, new Random(seed ^ change));
            var same = RowJson.Write(one) == RowJson.Write(other);
            RowEquality.IsSame(one, other).ShouldBe(same);
            RowEquality.IsSame(other, one).ShouldBe(same);
            (RowContent.Of(one) == RowContent.Of(other)).ShouldBe(same);
            (RowContent.Of(one) == (RowContent)RowJson.Write(other)).ShouldBe(same);
        }, iter: Math.Max(200, LongRun.Samples / 20), threads: 1);
    }

    /// <summary>A writer of its own, which knows of each member what RowJson does.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Rows_are_written_as_bytes_as_they_are_as_text(string name)
    {
        var (type, into) = (RowTypes.Single(each => each.FullName == name), new TextBuffer());
        Gen.Int[0, int.MaxValue].Sample(seed =>
        {
            var row = Made(type, new Random(seed))!;
            into.Clear();
            RowWriter.Write(row, into);
            System.Text.Encoding.UTF8.GetString(into.Written).ShouldBe(RowJson.Write(row));
        }, iter: Math.Max(200, LongRun.Samples / 20), threads: 1);
    }

    private static object Changed(Type type, object row, Random chance)
    {
        var members = type.GetFields(BindingFlags.Instance | BindingFlags.NonPublic);
        if (members.Length == 0) return row;
        var member = members[chance.Next(members.Length)];
        member.SetValue(row, Made(member.FieldType, chance, 1));
        return row;
    }

    [Fact]
    public void Zero_with_a_sign_and_lists_of_the_same_items_are_told_by_their_texts()
    {
        TimeOfUseSettlement.PostingRow Posting(decimal amount) => new("a", amount);
        RowEquality.IsSame(Posting(1.0m), Posting(1.00m)).ShouldBeTrue();
        RowEquality.IsSame(Posting(0m), Posting(-0m)).ShouldBe(
            RowJson.Write(Posting(0m)) == RowJson.Write(Posting(-0m)));
        CurtailmentCompliance.RecordRow Record(params string[] gaps) => new(default, default, 1,
            IntervalRecordState.Final, Energy.Zero, Energy.Zero, 0, 0,
            [.. gaps.Select(_ => new CurtailmentCompliance.GapRow(default, default))], 0, ReadingQuality.Measured,
            null);
        Record("a").Equals(Record("a")).ShouldBeFalse("a list is compared by its identity");
        RowEquality.IsSame(Record("a"), Record("a")).ShouldBeTrue();
        RowEquality.IsSame(Record("a"), Record()).ShouldBeFalse();
        RowEquality.IsSame(Posting(1m), Record()).ShouldBeFalse();
    }
}
