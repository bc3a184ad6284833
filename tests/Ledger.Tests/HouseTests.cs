using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The rules of the house that a machine can check; CONTRIBUTING.md lists them for people.</summary>
public sealed partial class HouseTests
{
    private const int FileLinesMax = 500;
    private const int ColumnsMax = 120;
    private const int FunctionLinesMax = 60;

    /// <summary>Places that hand a command to the mediator: one per door, not one per kind of command.</summary>
    private const int MediatorCallSitesMax = 6;

    /// <summary>Dependencies point one way. Packages: what a project may name itself,
    /// beyond what it inherits.</summary>
    private static readonly Dictionary<string, (string[] Projects, string[] Packages)> MayUse = new()
    {
        ["Ledger.Domain"] = ([], ["NodaTime"]),
        ["Ledger.Journal"] = (["Domain"],
            ["MediatR", "Microsoft.Data.Sqlite", "SQLitePCLRaw.bundle_e_sqlite3", "BouncyCastle.Cryptography",
             "Microsoft.Extensions.DependencyInjection"]),
        ["Ledger.Projections"] = (["Domain", "Journal"], []),
        ["Ledger.Stores"] = (["Domain", "Journal", "Projections"],
            ["Marten", "DistributedLock.Postgres", "Npgsql", "Grpc.Net.Client", "Google.Protobuf", "Grpc.Tools"]),
        ["Ledger.Ingest"] = (["Domain", "Journal"],
            ["Bogus", "Parquet.Net", "Grpc.Net.Client", "Grpc.Tools", "Google.Protobuf", "MQTTnet",
             "BouncyCastle.Cryptography", "ZstdSharp.Port"]),
        ["Ledger.Api"] = (["Domain", "Journal", "Projections", "Ingest", "Stores"],
            ["Microsoft.AspNetCore.OpenApi", "Grpc.AspNetCore", "Microsoft.IdentityModel.JsonWebTokens",
             "MiniExcel", "Parquet.Net", "Scalar.AspNetCore"]),
        ["Ledger.Cli"] = (["Domain", "Journal", "Projections", "Ingest", "Stores", "Api"],
            ["Bogus"]),
    };

    private static IReadOnlyList<string> Sources => Repository.Files("src", "*.cs");

    [Fact]
    public void Dependencies_point_one_way()
    {
        foreach (var project in Repository.Files("src", "*.csproj"))
        {
            var name = Path.GetFileNameWithoutExtension(project);
            MayUse.ShouldContainKey(name, "a project that the architecture does not know");
            var (projects, packages) = MayUse[name];
            var xml = XDocument.Parse(Repository.Text(project));
            Includes(xml, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path)["Ledger.".Length..])
                .Except(projects).ShouldBeEmpty($"{name} may not reference these projects");
            Includes(xml, "PackageReference").Except(packages)
                .ShouldBeEmpty($"{name} may not reference these packages");
        }
        Includes(XDocument.Parse(Repository.Text("src/Ledger.Domain/Ledger.Domain.csproj")), "PackageReference")
            .ShouldBe(["NodaTime"]);
        Repository.Files("src", "*.csproj").Count.ShouldBe(MayUse.Count);
    }

    [Fact]
    public void The_domain_loads_nothing_but_NodaTime_and_the_runtime() =>
        typeof(LedgerEvent).Assembly.GetReferencedAssemblies().Select(reference => reference.Name!)
            .Where(name => name != "NodaTime" && !name.StartsWith("System", StringComparison.Ordinal))
            .ShouldBeEmpty();

    [Fact]
    public void Every_event_is_sealed_and_public()
    {
        var events = typeof(LedgerEvent).Assembly.GetTypes()
            .Where(type => type != typeof(LedgerEvent) && type.IsAssignableTo(typeof(LedgerEvent))).ToList();
        events.ShouldNotBeEmpty();
        events.Where(type => !type.IsSealed || !type.IsPublic).ShouldBeEmpty();
    }

    [Fact]
    public void Package_versions_are_exact() =>
        Includes(XDocument.Parse(Repository.Text("Directory.Packages.props")), "PackageVersion", "Version")
            .Where(version => !ExactVersion().IsMatch(version)).ShouldBeEmpty();

    [Fact]
    public void Files_are_at_most_500_lines() =>
        Sources.Where(path => Lines(path).Length > FileLinesMax).ShouldBeEmpty();

    /// <summary>A line that holds a literal may be longer where breaking it would harm the literal.</summary>
    [Fact]
    public void Lines_of_code_have_at_most_120_columns() =>
        Offending(
            Sources.Concat(Repository.Files("tests", "*.cs")),
            line => line.Length > ColumnsMax && !line.Contains('"', StringComparison.Ordinal)).ShouldBeEmpty();

    [Fact]
    public void Functions_are_at_most_60_lines() =>
        Sources.SelectMany(path => LongFunctions(path, Lines(path))).ShouldBeEmpty();

    [Fact]
    public void No_floating_point_stands_near_energy_or_money() =>
        Offending(
            Sources.Where(path => path.StartsWith("src/Ledger.Domain/", StringComparison.Ordinal)
                || path.StartsWith("src/Ledger.Projections/", StringComparison.Ordinal)),
            line => FloatingPoint().IsMatch(WithoutComment(line))).ShouldBeEmpty();

    [Fact]
    public void Nothing_is_left_undone() =>
        Offending(
            Sources.Concat(Repository.Files("tests", "*.cs"))
                .Where(path => !path.EndsWith("/HouseTests.cs", StringComparison.Ordinal)),
            line => LeftUndone().IsMatch(line)).ShouldBeEmpty();

    [Fact]
    public void No_exception_is_swallowed() =>
        Sources.Where(path => EmptyCatch().IsMatch(Repository.Text(path))).ShouldBeEmpty();

    [Fact]
    public void Type_names_say_what_they_are() =>
        Assemblies().SelectMany(assembly => assembly.GetTypes())
            .Where(type => type.Namespace?.StartsWith("Ledger", StringComparison.Ordinal) == true)
            .Select(type => type.Name)
            // gRPC's generator makes a name of its own that begins with two underscores.
            .Where(name => !name.StartsWith('<') && !name.StartsWith("__", StringComparison.Ordinal) && VagueName().IsMatch(name)).ShouldBeEmpty();

    [Fact]
    public void Folders_are_named_after_concepts() =>
        Sources.Where(path =>
            path.Split('/').Any(part => part is "Events" or "Commands" or "Handlers" or "Models" or "Common"))
            .ShouldBeEmpty();

    /// <summary>
    /// A market's rule is data: the market is named by the file of its pack, by sources in comments,
    /// and nowhere in code.
    /// </summary>
    [Fact]
    public void No_market_is_named_in_code()
    {
        string[] ordinary = ["cliff", "band", "zero", "meter", "session", "declared", "aggregator"];
        var markets = Repository.Files("src", "*.json")
            .Where(path => path.Contains("/Packs/", StringComparison.Ordinal))
            .Select(path => Path.GetFileNameWithoutExtension(path).Split('-').First(word => word != "baseline"))
            .Except(ordinary)
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        markets.ShouldNotBeEmpty();
        Offending(Sources, line => Words().Matches(WithoutComment(line)).Any(word => markets.Contains(word.Value)))
            .ShouldBeEmpty();
    }

    [Fact]
    public void The_mediator_is_called_in_few_places() =>
        Offending(Sources, line => MediatorCall().IsMatch(WithoutComment(line))).Count()
            .ShouldBeLessThanOrEqualTo(MediatorCallSitesMax);

    [Fact]
    public void Every_test_file_checks_something() =>
        Repository.Files("tests/Ledger.Tests", "*Tests.cs")
            .Where(path => !Checks().IsMatch(Repository.Text(path))).ShouldBeEmpty();

    private static IEnumerable<Assembly> Assemblies()
    {
        var seen = new HashSet<string>();
        var open = new Stack<Assembly>([typeof(HouseTests).Assembly]);
        while (open.TryPop(out var assembly))
        {
            if (!seen.Add(assembly.FullName!)) continue;
            yield return assembly;
            foreach (var reference in assembly.GetReferencedAssemblies())
                if (reference.Name is "ledger" || reference.Name!.StartsWith("Ledger.", StringComparison.Ordinal))
                    open.Push(Assembly.Load(reference));
        }
    }

    private static IEnumerable<string> Includes(XDocument project, string element, string attribute = "Include") =>
        project.Descendants(element).Select(reference => reference.Attribute(attribute)!.Value);

    private static string[] Lines(string path) => File.ReadAllLines(Repository.PathOf(path));

    private static IEnumerable<string> Offending(IEnumerable<string> paths, Func<string, bool> offends) =>
        from path in paths
        from line in Lines(path).Select((text, index) => (text, number: index + 1))
        where offends(line.text)
        select $"{path}:{line.number}: {line.text.Trim()}";

    private static string WithoutComment(string line)
    {
        var comment = line.IndexOf("//", StringComparison.Ordinal);
        return comment < 0 ? line : line[..comment];
    }

    /// <summary>A function starts at a line with a modifier and a parameter list and ends at the brace in its own
    /// column.</summary>
    private static IEnumerable<string> LongFunctions(string path, string[] lines)
    {
        for (var start = 0; start < lines.Length; start++)
        {
            if (!FunctionStart().IsMatch(lines[start]) || TypeStart().IsMatch(lines[start])) continue;
            var indent = lines[start][..^lines[start].TrimStart().Length];
            var end = start;
            while (end < lines.Length - 1 && lines[end] != indent + "}" && lines[end] != indent + "};"
                && !EndsExpression(lines, start, end)) end++;
            if (end - start + 1 > FunctionLinesMax)
                yield return $"{path}:{start + 1}: {end - start + 1} lines: {lines[start].Trim()}";
        }
    }

    /// <summary>An expression body ends at its semicolon,
    /// before any brace has stood alone in the function's own column.</summary>
    private static bool EndsExpression(string[] lines, int start, int end) =>
        lines[end].EndsWith(';')
        && !lines[start..(end + 1)].Any(line =>
            line.TrimEnd() == lines[start][..^lines[start].TrimStart().Length] + "{");

    [GeneratedRegex(@"^\[\d+(\.\d+)+(-[A-Za-z0-9.]+)?\]$")]
    private static partial Regex ExactVersion();

    [GeneratedRegex(@"\b(double|float|Double|Single|Half)\b(?!\.Parse)")]
    private static partial Regex FloatingPoint();

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|NotImplementedException)\b|Skip *= *""|#pragma warning disable")]
    private static partial Regex LeftUndone();

    [GeneratedRegex(@"catch\s*(\([^)]*\))?\s*\{\s*\}")]
    private static partial Regex EmptyCatch();

    [GeneratedRegex(@"Helper|Manager|Util(s|ity|ities)?\b|Misc|Common$")]
    private static partial Regex VagueName();

    /// <summary>The words of an identifier in camel case, and of any other text.</summary>
    [GeneratedRegex("[A-Z]?[a-z]+|[A-Z]+(?![a-z])")]
    private static partial Regex Words();

    [GeneratedRegex(@"\b(mediator|sender|publisher)\.(Send|Publish)\(", RegexOptions.IgnoreCase)]
    private static partial Regex MediatorCall();

    [GeneratedRegex(@"Should|Assert\.|Snapshot\.|\.Sample\(|Throws")]
    private static partial Regex Checks();

    [GeneratedRegex(@"^ +(public|private|internal|protected|static|async)\b[^=;]*\(")]
    private static partial Regex FunctionStart();

    [GeneratedRegex(@"\b(class|record|struct|interface|enum|delegate)\b")]
    private static partial Regex TypeStart();
}
