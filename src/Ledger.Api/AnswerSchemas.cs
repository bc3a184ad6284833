using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using Microsoft.OpenApi;
using NodaTime;

namespace Ledger.Api;

/// <summary>
/// The schemas of what operations answer, made of the very types that the answers are written from, as their writer has
/// them: the same names in the same order, text where it writes text, null where a member may be null, and a member
/// that is left out at times not as a required one. A type that this does not know stops the document.
/// </summary>
/// <param name="written">How the writer writes a type.</param>
/// <param name="prefix">Before the names of types that are written otherwise elsewhere.</param>
internal sealed class AnswerSchemas(
    Microsoft.OpenApi.OpenApiDocument document, Func<Type, JsonTypeInfo> written, string prefix = "")
{
    private const string Whole = "^-?[0-9]+$", Exact = @"^-?[0-9]+(\.[0-9]+)?$";

    private AnswerSchemas? facts;

    /// <summary>Of facts, which are told by a writer of their own.</summary>
    public AnswerSchemas Facts => facts ??= new(document, EventCodec.ToldTypeOf, "fact.");

    /// <summary>What of a type its name in the document was given to.</summary>
    private readonly Dictionary<string, Type> named = new(StringComparer.Ordinal);

    public IOpenApiSchema Of(Type type) => Nullable.GetUnderlyingType(type) is { } value ? OrNull(Of(value))
        : Single(type) ?? (type.IsEnum ? OneOf(NamesOf(type)) : Composed(type, written(type)));

    /// <summary>One of several.</summary>
    public static IOpenApiSchema AnyOf(IReadOnlyList<IOpenApiSchema> schemas) =>
        schemas is [var only] ? only : new OpenApiSchema { AnyOf = [.. schemas] };

    /// <summary>Where the answer is a page of a table it says where the next one is.</summary>
    public void HasPages(Type answer) => ((OpenApiSchema)document.Components!.Schemas![NameOf(answer)])
        .Properties!["next"] = Text(JsonSchemaType.Null);

    public static OpenApiSchema OneOf(IEnumerable<string> names) => new()
    {
        Type = JsonSchemaType.String,
        Enum = [.. names.Select(name => (JsonNode)JsonValue.Create(name))],
    };

    /// <summary>A choice as it is written everywhere outside the journal.</summary>
    private static IEnumerable<string> NamesOf(Type choice) =>
        Enum.GetNames(choice).Select(JsonNamingPolicy.CamelCase.ConvertName);

    private static OpenApiSchema? Single(Type type) =>
        type == typeof(string) ? Text()
        : type == typeof(bool) ? new OpenApiSchema { Type = JsonSchemaType.Boolean }
        : type == typeof(int) ? new OpenApiSchema { Type = JsonSchemaType.Integer }
        : type == typeof(long) || type == typeof(Energy) ? Text(pattern: Whole)
        : type == typeof(decimal) || type == typeof(Money) ? Text(pattern: Exact)
        : type == typeof(Instant) ? Text(format: "date-time")
        : type == typeof(LocalDate) ? Text(format: "date")
        : null;

    private IOpenApiSchema Composed(Type type, JsonTypeInfo info)
    {
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ToldFact<>))
            return Facts.Of(type.GetGenericArguments()[0]);
        if (info.PolymorphismOptions is { } kinds)
            return AnyOf([.. kinds.DerivedTypes.Select(kind => Of(kind.DerivedType))]);
        return info.Kind switch
        {
            JsonTypeInfoKind.Object when type != typeof(object) => Named(type, info),
            JsonTypeInfoKind.Enumerable => ListOf(Of(ElementOf(type))),
            // A fact has names, powers and times of its own, each of them a text.
            JsonTypeInfoKind.None when type.IsValueType && type.Namespace == typeof(Power).Namespace =>
                Text(pattern: type == typeof(Power) ? Whole : null),
            JsonTypeInfoKind.None when type == typeof(Interval) => Between(),
            JsonTypeInfoKind.None when type.IsValueType && type.Namespace == nameof(NodaTime) => Text(),
            _ => throw new InvalidOperationException($"how {type} is answered is not known"),
        };
    }

    private OpenApiSchemaReference Named(Type type, JsonTypeInfo info)
    {
        var name = NameOf(type);
        if (!named.TryAdd(name, type))
            return named[name] == type ? new(name, document)
                : throw new InvalidOperationException($"{type} and {named[name]} have one name in the document");
        var schema = new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Properties = new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal),
            Required = new HashSet<string>(StringComparer.Ordinal),
            AdditionalPropertiesAllowed = false,
        };
        document.AddComponent(name, schema); // before its members: a type may hold itself
        foreach (var member in info.Properties.Where(member => member.Get is not null
            && (member.Set is not null || !info.Options.IgnoreReadOnlyProperties)))
        {
            // What is left out where it is null is never null where it is there.
            var (isLeftOut, whole) = (member.ShouldSerialize is not null, member.PropertyType);
            var its = member.AttributeProvider?.GetCustomAttributes(typeof(ChoicesAttribute), true)
                is [ChoicesAttribute choices] ? OneOf(choices.All)
                : Of(isLeftOut ? Nullable.GetUnderlyingType(whole) ?? whole : whole);
            schema.Properties[member.Name] =
                member.IsGetNullable && !isLeftOut && !whole.IsValueType ? OrNull(its) : its;
            if (!isLeftOut) schema.Required.Add(member.Name);
        }
        return new(name, document);
    }

    private string NameOf(Type type) => prefix + (type.IsNested ? type.DeclaringType!.Name : "")
        + (type.IsGenericType
            ? $"{type.Name.Split('`')[0]}Of{string.Concat(type.GetGenericArguments().Select(of => of.Name))}" : type.Name);

    private static Type ElementOf(Type list) => list.GetInterfaces().Append(list).First(each =>
        each.IsGenericType && each.GetGenericTypeDefinition() == typeof(IEnumerable<>)).GetGenericArguments()[0];

    private static OpenApiSchema Text(JsonSchemaType orNull = 0, string? pattern = null, string? format = null) =>
        new() { Type = JsonSchemaType.String | orNull, Pattern = pattern, Format = format };

    private static OpenApiSchema ListOf(IOpenApiSchema items) => new() { Type = JsonSchemaType.Array, Items = items };

    private static OpenApiSchema Between() => new()
    {
        Type = JsonSchemaType.Object,
        Properties = new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal)
        {
            ["from"] = Text(format: "date-time"),
            ["to"] = Text(format: "date-time"),
        },
        Required = new HashSet<string>(["from", "to"], StringComparer.Ordinal),
        AdditionalPropertiesAllowed = false,
    };

    private static IOpenApiSchema OrNull(IOpenApiSchema schema)
    {
        if (schema is not OpenApiSchema { Type: { } type, Enum: null or [] } single)
            return new OpenApiSchema { AnyOf = [schema, new OpenApiSchema { Type = JsonSchemaType.Null }] };
        single.Type = type | JsonSchemaType.Null;
        return single;
    }
}
