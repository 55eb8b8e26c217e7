// SPDX-License-Identifier: Apache-2.0
/* `dam completion SHELL`: made from the table of verbs, so it cannot lie about them. */
#include "app/verb.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The second words of a verb stand in the first lines of its help: "dam VERB a|b|c ...", or a line
 * for each. What is in capitals stands for something else. */
static void second_words(const struct dam_verb *verb, char *words, size_t size)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz-";
    const char *end = strstr(verb->help, "\n\n");
    char usage[40];
    size_t used = 0;
    words[0] = '\0';
    (void)snprintf(usage, sizeof(usage), "dam %s ", verb->name);
    for (const char *at = strstr(verb->help, usage); at != NULL && end != NULL && at < end;
         at = strstr(at, usage)) {
        at += strlen(usage);
        for (bool more = true; more;) {
            size_t len = strspn(at, letters);
            bool is_word = len > 0 && *at != '-' && strchr("| \n", at[len]) != NULL;
            if (is_word && used + len + 2 <= size) {
                used += (size_t)snprintf(words + used, size - used, "%s%.*s", used > 0 ? " " : "",
                                         (int)len, at);
            }
            at += strcspn(at, "| \n[");
            more = *at == '|';
            at += more;
        }
    }
}

static void print_cases(const char *each, const char *prefix)
{
    for (const struct dam_verb *verb = dam_verbs; verb->name != NULL; verb++) {
        char words[160];
        second_words(verb, words, sizeof(words));
        if (words[0] != '\0') {
            (void)printf(each, prefix, verb->name, words);
        }
    }
}

static void print_names(void)
{
    for (const struct dam_verb *verb = dam_verbs; verb->name != NULL; verb++) {
        (void)printf("%s ", verb->name);
    }
    (void)printf("help");
}

static void bash(void)
{
    (void)printf("_dam() {\n    local word=${COMP_WORDS[COMP_CWORD]} list=\n"
                 "    if [ \"$COMP_CWORD\" = 1 ]; then list=\"");
    print_names();
    (void)printf("\"\n    elif [ \"$COMP_CWORD\" = 2 ]; then case ${COMP_WORDS[1]} in\n");
    print_cases("%s    %s) list=\"%s\" ;;\n", "");
    (void)printf("    esac; fi\n    COMPREPLY=($(compgen -W \"$list\" -- \"$word\"))\n"
                 "    [ -n \"$list\" ] || COMPREPLY=($(compgen -f -- \"$word\"))\n}\n"
                 "complete -o filenames -F _dam dam\n");
}

static void zsh(void)
{
    (void)printf("#compdef dam\nautoload -U +X bashcompinit && bashcompinit\n");
    bash();
}

static void fish(void)
{
    for (const struct dam_verb *verb = dam_verbs; verb->name != NULL; verb++) {
        (void)printf("complete -c dam -n __fish_use_subcommand -a %s -d \"%s\"\n", verb->name,
                     verb->summary);
    }
    print_cases("%scomplete -c dam -n '__fish_seen_subcommand_from %s' -a '%s'\n", "");
}

int dam_verb_completion(int argc, char **argv)
{
    const char *shell = argc == 2 ? argv[1] : "";
    if (strcmp(shell, "bash") == 0) {
        bash();
    } else if (strcmp(shell, "zsh") == 0) {
        zsh();
    } else if (strcmp(shell, "fish") == 0) {
        fish();
    } else {
        return dam_verb_fail(DAM_EXIT_USAGE, "for example: dam completion bash >> ~/.bashrc",
                             "which shell? there are: bash, zsh, fish");
    }
    return DAM_EXIT_OK;
}
