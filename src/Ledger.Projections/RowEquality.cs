using System.Collections.Concurrent;
using System.Reflection;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// Whether two rows have the same JSON, without writing it wherever their values say so. A row is a record, whose
/// values are those of its JSON, so equal records are equal texts and others are not, with two exceptions: a list is
/// compared by its identity, and zero has two forms as a decimal.
/// </summary>
public static class RowEquality
{
    /// <summary>Which answer of <see cref="object.Equals(object)"/> holds for the texts too.</summary>
    private readonly record struct Decides(bool Equal, bool Different)
    {
        public static readonly Decides Both = new(true, true), Nothing = new(false, false);
        public Decides And(Decides other) => new(Equal && other.Equal, Different && other.Different);
    }

    private static readonly ConcurrentDictionary<Type, Decides> OfType = [];
    private static readonly ConcurrentDictionary<Type, RowMember[]> DecidingOfType = [];

    public static bool IsSame(object one, object other)
    {
        if (ReferenceEquals(one, other)) return true;
        if (one.GetType() == other.GetType())
        {
            var decides = OfType.GetOrAdd(one.GetType(), Of);
            var equal = one.Equals(other);
            if (equal ? decides.Equal : decides.Different) return equal;
            if (!equal && IsMemberDifferent(one, other)) return false;
        }
        return RowJson.Write(one) == RowJson.Write(other);
    }

    // Of a row that holds a list mostly something else has changed too, and then no text needs to be written.
    private static bool IsMemberDifferent(object one, object other)
    {
        foreach (var member in DecidingOfType.GetOrAdd(one.GetType(), Deciding))
            if (!Equals(member.Value(one), member.Value(other))) return true;
        return false;
    }

    /// <summary>Members of which other values are other texts.</summary>
    private static RowMember[] Deciding(Type type) =>
        [.. (RowJson.Members(type) ?? []).Where(member => OfType.GetOrAdd(member.Type, Of).Different)];

    private static Decides Of(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsEnum || type == typeof(string) || type == typeof(bool) || type == typeof(int)
            || type == typeof(long) || type == typeof(Instant) || type == typeof(Energy)) return Decides.Both;
        if (type == typeof(decimal)) return new(Equal: false, Different: true);
        if (!type.IsSealed || !IsRecord(type)) return Decides.Nothing;
        if (RowJson.Members(type) is not { } members) return Decides.Nothing;
        var fields = type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);
        // What a record holds and does not write may differ, and the texts do not.
        var isWritten = fields.All(field => members.Any(member =>
            string.Equals($"<{member.Name}>k__BackingField", field.Name, StringComparison.OrdinalIgnoreCase)));
        return fields.Select(field => OfType.GetOrAdd(field.FieldType, Of))
            .Aggregate(new Decides(true, isWritten), (all, next) => all.And(next));
    }

    private static bool IsRecord(Type type) =>
        typeof(IEquatable<>).MakeGenericType(type).IsAssignableFrom(type) && type.GetMethod("PrintMembers",
            BindingFlags.Instance | BindingFlags.NonPublic) is not null;
}
