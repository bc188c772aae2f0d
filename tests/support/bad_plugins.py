"""Plugins with each kind of mistake, and an honest one; what the audit says of them."""

HONEST = """
    from trunkline import hookimpl

    @hookimpl
    def trunkline_register_topics(topics, config=None):
        pass

    @hookimpl
    async def trunkline_run(ctx):
        pass
"""
#: number of P11: source, and what must be said
BROKEN = {
    1: (
        "@hookimpl\ndef trunkline_register_topics(topics, *, config): ...",
        "`config` is never passed after `*`; make it a plain parameter",
    ),
    2: (
        "@hookimpl\ndef trunkline_register_topics(*args): ...",
        "`*args` would always be empty; name the arguments you use",
    ),
    3: (
        "@hookimpl\ndef trunkline_register_topics(topics, confg=None): ...",
        "no argument `confg`; did you mean `config`?",
    ),
    4: (
        "import pluggy\n@pluggy.HookimplMarker('trunk_line')\n"
        "def trunkline_register_topics(topics): ...",
        "is marked for `trunk_line`; use `trunkline.hookimpl`",
    ),
    5: (
        "def trunkline_register_topics(topics): ...",
        "has a hook's name but no `@hookimpl`",
    ),
    7: (
        "@hookimpl\nasync def trunkline_register_topics(topics): ...",
        "must be a plain `def`",
    ),
}
#: what pluggy refuses too, but without saying what was meant
REFUSED = {
    "keyword_arguments": (
        "@hookimpl\ndef trunkline_register_topics(topics, **rest): ...",
        "`**rest` would always be empty",
    ),
    "sync_for_async": ("@hookimpl\ndef trunkline_run(ctx): ...", "must be `async def`"),
    "generator": ("@hookimpl\ndef trunkline_register_topics(topics): yield", "cannot `yield`"),
    "unknown_hook": (
        "@hookimpl\ndef trunkline_register_topic(topics): ...",
        "there is no hook `trunkline_register_topic`; did you mean `trunkline_register_topics`",
    ),
    "unknown_argument": (
        "@hookimpl\ndef trunkline_register_topics(topic): ...",
        "no argument `topic`; did you mean `topics`? "
        "(the hook is `trunkline_register_topics(topics, config)`)",
    ),
    "options": (
        "@hookimpl(tryfirst=True)\ndef trunkline_register_topics(topics): ...",
        "`@hookimpl` takes no options here: remove tryfirst",
    ),
    "wrapper": (
        "@hookimpl(wrapper=True)\ndef trunkline_register_topics(topics): yield",
        "remove wrapper",
    ),
    "not_a_function": (
        "class Hook:\n    def __call__(self, topics): ...\n"
        "trunkline_register_topics = hookimpl(Hook())",
        "is not a function",
    ),
    "info": ("trunkline_plugin = 3\n@hookimpl\nasync def trunkline_run(ctx): ...", "PluginInfo"),
    "info_config": (
        "trunkline_plugin = PluginInfo(config=dict)\n@hookimpl\nasync def trunkline_run(ctx): ...",
        "must be an attrs class",
    ),
    "info_requires": (
        "trunkline_plugin = PluginInfo(requires='flow')\n"
        "@hookimpl\nasync def trunkline_run(ctx): ...",
        '`requires` must be a tuple of plugin names: `requires=("flow",)`',
    ),
}
