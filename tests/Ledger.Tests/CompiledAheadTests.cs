using System.Reflection;
using System.Reflection.PortableExecutable;
using Ledger.Cli;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Code that was compiled before the run is in the output of a program alone: it runs on one kind of machine, and what
/// is published of the libraries runs on any.
/// </summary>
public sealed class CompiledAheadTests
{
    public static TheoryData<Type> Needed => new(typeof(Verbs), typeof(LedgerEvent), typeof(Instant));

    [Theory]
    [MemberData(nameof(Needed))]
    public void What_a_start_needs_is_compiled_ahead(Type of)
    {
        WholeMachine.SkipWhileMutating(); // a mutant is plain
        var isAhead = typeof(CompiledAheadTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(said => said.Key == "CompilesAhead").Value;
        Assert.SkipUnless(isAhead == "true", "this was built for debugging, or with -p:CompilesAhead=false");
        IsCompiledAhead(of.Assembly.Location).ShouldBeTrue();
    }

    [Fact]
    public void Libraries_stay_plain()
    {
        var libraries = Repository.Files("src", "*.csproj").Select(path => Path.GetFileNameWithoutExtension(path))
            .SelectMany(name => Directory.GetFiles(Repository.PathOf($"src/{name}/bin"), $"{name}.dll",
                SearchOption.AllDirectories)).ToList();
        libraries.ShouldNotBeEmpty();
        libraries.Where(IsCompiledAhead).ShouldBeEmpty();
    }

    private static bool IsCompiledAhead(string path)
    {
        using var image = new PEReader(File.OpenRead(path));
        return image.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size > 0;
    }
}
