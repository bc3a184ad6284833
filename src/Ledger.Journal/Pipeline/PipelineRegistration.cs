using MediatR;
using Microsoft.Extensions.DependencyInjection;
using NodaTime;

namespace Ledger.Journal.Pipeline;

/// <summary>Registers the pipeline: measure, authorise by scope and by reach, answer once, record.</summary>
public static class PipelineRegistration
{
    public static IServiceCollection AddCommandPipeline(this IServiceCollection services, Recorder recorder,
        IClock clock, CommandRoutes routes, KnownOwners? owners = null) =>
        services.AddSingleton(recorder).AddSingleton(clock).AddSingleton(routes).AddSingleton<RecentAnswers>()
            .AddSingleton(owners ?? KnownOwners.None)
            .AddTransient<ServiceFactory>(provider => type => provider.GetService(type)!)
            .AddTransient<IMediator, Mediator>()
            .AddTransient(typeof(IRequestHandler<,>), typeof(RecordCommand<,>))
            .AddTransient(typeof(IPipelineBehavior<,>), typeof(MeasureCommand<,>))
            .AddTransient(typeof(IPipelineBehavior<,>), typeof(AuthoriseByScope<,>))
            .AddTransient(typeof(IPipelineBehavior<,>), typeof(AuthoriseByReach<,>))
            .AddTransient(typeof(IPipelineBehavior<,>), typeof(AnswerOnce<,>));
}
